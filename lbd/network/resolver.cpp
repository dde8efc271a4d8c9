// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/resolver.hpp"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <type_traits>
#include <utility>
#include <variant>

#include "common/log.hpp"
#include "lbd/model/cure.hpp"
#include "lbd/model/log_events.hpp"
#include "lbd/network/host_settings.hpp"
#include "lbd/network/log.hpp"
#include "netlink/ifaddr.hpp"
#include "netlink/links.hpp"
#include "netlink/neighbour.hpp"
#include "netlink/route.hpp"

namespace culvert::lbd {

using netlink::Result;
using netlink::Topic;

namespace {

bool is_vlan(const netlink::Link& link) { return std::holds_alternative<netlink::Vlan>(link.details); }

/// One that can be balanced on, if it is there. Routes lead to a bond, never to a member.
Result<> expect_port(netlink::Socket& socket, const std::string& name) {
    auto found = netlink::Links(socket).get(name);
    if (!found && found.error().code == ENODEV) return {};
    TRY(const auto link, std::move(found));
    if (!link.mac) return netlink::failure("balance on", name, EINVAL, "not an Ethernet interface");
    if (link.master == 0) return {};
    TRY(const auto master, netlink::Links(socket).get(link.master));
    if (!std::holds_alternative<netlink::Bond>(master.details)) return {};
    return netlink::failure("balance on", link.name, EINVAL, "it is a member of " + master.name,
                            fmt::format(cure_of("interface_is_member"), master.name));
}

bool is_settled(const netlink::InterfaceAddress& address) {
    return (address.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;
}

/// An address that packets may be sent from.
bool is_usable(const netlink::InterfaceAddress& address) {
    return address.scope == RT_SCOPE_UNIVERSE && is_settled(address);
}

NeighbourKey key_of(const netlink::Neighbour& neighbour) {
    return {.link = neighbour.link, .address = neighbour.address};
}

std::optional<netlink::MacAddress> mac_in_use(const netlink::Neighbour& neighbour) {
    return neighbour.is_usable() ? neighbour.mac : std::nullopt;
}

bool lies_in(const netlink::Prefix& prefix, const Sent::Backends& backends) {
    const auto first = backends.lower_bound(prefix.network().address);
    return first != backends.end() && prefix.contains(first->first);
}

/// Nobody can tell about a path between neighbours.
bool is_on_link(const std::optional<netlink::Route>& route) {
    return !route || route->hops.empty() || !route->hops.front().gateway;
}

}  // namespace

Result<Resolver> Resolver::open(const std::vector<std::string>& interfaces) {
    TRY(auto monitor, netlink::Monitor::open({Topic::links, Topic::addresses, Topic::routes, Topic::next_hops,
                                              Topic::neighbours, Topic::rules}));
    TRY(auto socket, netlink::Socket::open(NETLINK_ROUTE));
    for (const std::string& name : interfaces) CHECK_OK(expect_port(socket, name));
    Resolver resolver(std::move(monitor), std::move(socket), interfaces);
    CHECK_OK(resolver.listen());
    CHECK_OK(resolver.load());
    return resolver;
}

Result<> Resolver::listen() {
    if (auto sockets = IcmpSockets::open())
        icmp_ = *std::move(sockets);
    else
        spdlog::warn(sockets.error().message() + "; what routers tell about path MTUs is not heeded");

    constexpr itimerspec now_and_then{.it_interval = {.tv_sec = 10}, .it_value = {.tv_sec = 10}};
    aging_ = common::Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    if (!aging_.is_open() || ::timerfd_settime(aging_.get(), 0, &now_and_then, nullptr) < 0)
        return netlink::failure("set", "a timer", errno);
    poll_ = common::Fd(::epoll_create1(EPOLL_CLOEXEC));
    if (!poll_.is_open()) return netlink::failure("open", "epoll", errno);
    std::vector<int> all{monitor_.fd(), aging_.get()};
    if (icmp_) all.push_back(icmp_->fd());
    for (const int fd : all) {
        epoll_event readable{.events = EPOLLIN};
        if (::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &readable) < 0)
            return netlink::failure("watch", "the network", errno);
    }
    return {};
}

/// All that events would have told.
Result<> Resolver::load() {
    TRY(const auto links, netlink::Links(socket_).dump());
    network_.ports.clear();
    network_.vlans.clear();
    network_.members.clear();
    network_.links.clear();
    for (const auto& link : links) {
        if (link.mac) network_.links.emplace(link.index, link);
        if (is_port(link))
            network_.ports.emplace(link.index, link);
        else if (is_vlan(link))
            network_.vlans.emplace(link.index, link);
    }
    for (const auto& link : links)
        if (network_.ports.contains(link.master)) network_.members.emplace(link.index, link);

    CHECK_OK(load_addresses());

    TRY(const auto neighbours, netlink::Neighbours(socket_).dump());
    std::set<NeighbourKey> present;
    for (const auto& neighbour : neighbours) {
        take({.value = neighbour});
        present.insert(key_of(neighbour));
    }
    std::erase_if(network_.neighbours, [&](const auto& known) { return !present.contains(known.first); });
    std::erase_if(since_, [this](const auto& known) { return !network_.neighbours.contains(known.first); });
    std::erase_if(managed_, [this](const NeighbourKey& key) { return !network_.neighbours.contains(key); });
    routes_are_stale_ = true;
    return {};
}

Result<> Resolver::load_addresses() {
    TRY(const auto addresses, netlink::InterfaceAddresses(socket_).dump({.family = Family::ipv6}));
    network_.with_link_local.clear();
    for (const auto& address : addresses)
        if (!address.prefix.address.is_v4() && address.scope == RT_SCOPE_LINK && is_settled(address))
            network_.with_link_local.insert(address.link);
    return {};
}

Result<bool> Resolver::read() {
    const bool others = take_path_mtus();
    auto changed = take_events();
    if (changed && has_missed_events_) changed = load().map([] { return true; });
    has_missed_events_ = !changed.has_value();
    if (changed) *changed |= others;
    return changed;
}

Result<bool> Resolver::take_events() {
    TRY(const auto events, monitor_.read());
    bool changed = false;
    for (const auto& event : events) {
        if (std::holds_alternative<netlink::Overrun>(event)) {
            CHECK_OK(load());
            return true;
        }
        if (const auto* link = std::get_if<netlink::LinkChanged>(&event)) {
            TRY(const bool concerns_us, take(*link));
            changed |= concerns_us;
        } else if (const auto* neighbour = std::get_if<netlink::NeighbourChanged>(&event)) {
            changed |= take(*neighbour);
        } else if (const auto* route = std::get_if<netlink::RouteChanged>(&event)) {
            changed |= take(*route);
        } else {
            if (std::holds_alternative<netlink::AddressChanged>(event)) CHECK_OK(load_addresses());
            changed = routes_are_stale_ = true;
        }
    }
    return changed;
}

bool Resolver::take_path_mtus() {
    bool changed = false;
    std::uint64_t times = 0;
    if (::read(aging_.get(), &times, sizeof times) == sizeof times) {
        common::log_left_out();
        for (const IpAddress& backend : path_mtus_.expire(Clock::now())) {
            log_forgotten_path_mtu(backend);
            changed = true;
        }
    }
    if (icmp_)
        for (const Quotation& quotation : icmp_->read()) changed |= take(quotation);
    return changed;
}

bool Resolver::take(const Quotation& quotation) {
    const auto judged = judge(quotation);
    if (!judged || !*judged) return false;
    log_path_mtu(quotation.destination, *path_mtus_.find(quotation.destination, *hops_.at(quotation.destination)));
    return true;
}

/// Whether it changes anything, or why it is not believed.
tl::expected<bool, Doubt> Resolver::judge(const Quotation& quotation) {
    const auto hop = hops_.find(quotation.destination);
    if (hop == hops_.end()) return tl::unexpected(Doubt::destination);
    if (!hop->second) return tl::unexpected(Doubt::unreachable);
    if (const auto route = routes_.find(quotation.destination); route == routes_.end() || is_on_link(route->second))
        return tl::unexpected(Doubt::on_link);
    return path_mtus_.hear(quotation, sent_.check(quotation, *hop->second, flow_key_), *hop->second, Clock::now());
}

bool Resolver::is_port(const netlink::Link& link) const {
    return link.mac && std::ranges::any_of(interfaces_, [&](const auto& name) { return link.is_called(name); });
}

/// With a link that comes or goes there come and go others, and neighbours, of which no event that was heeded has told.
Result<bool> Resolver::take(const netlink::LinkChanged& event) {
    const netlink::Link& link = event.value;
    const bool is_port = !event.removed && this->is_port(link);
    const bool goes = event.removed && find_link(network_, link.index) != nullptr;
    if (goes || is_port != network_.ports.contains(link.index)) {
        CHECK_OK(load());
        return true;
    }
    const bool has_other_mac = take_mac(event);
    if (!event.removed && network_.ports.contains(link.master))
        network_.members.insert_or_assign(link.index, link);
    else
        network_.members.erase(link.index);
    if (event.removed || (!is_port && !is_vlan(link))) return has_other_mac;
    (is_port ? network_.ports : network_.vlans).insert_or_assign(link.index, link);
    return routes_are_stale_ = true;
}

bool Resolver::take_mac(const netlink::LinkChanged& event) {
    const netlink::Link& link = event.value;
    const auto known = network_.links.find(link.index);
    if (event.removed || !link.mac) {
        if (known == network_.links.end()) return false;
        network_.links.erase(known);
        return true;
    }
    const auto is_stacked = [](const netlink::Link& one) {
        return one.master != 0 || (one.lower != 0 && one.kind != "veth");
    };
    const bool concerns_ports = is_stacked(link) || (known != network_.links.end() && is_stacked(known->second));
    const bool is_other = known == network_.links.end() || known->second.mac != link.mac ||
                          known->second.master != link.master || known->second.lower != link.lower;
    network_.links.insert_or_assign(link.index, link);
    return is_other && concerns_ports;
}

bool Resolver::take(const netlink::NeighbourChanged& event) {
    const NeighbourKey key = key_of(event.value);
    if (find_link(network_, key.link) == nullptr) return false;
    if (event.removed) {
        network_.neighbours.erase(key);
        since_.erase(key);
        managed_.erase(key);
    } else {
        const auto known = network_.neighbours.find(key);
        if (known == network_.neighbours.end() || mac_in_use(known->second) != mac_in_use(event.value))
            since_[key] = Clock::now();
        network_.neighbours.insert_or_assign(key, event.value);
    }
    return true;
}

/// A balancer may be told all routes of the Internet, and what becomes of them.
bool Resolver::take(const netlink::RouteChanged& event) {
    const bool concerns_us = lies_in(event.value.destination, sent_.backends());
    routes_are_stale_ |= concerns_us;
    return concerns_us;
}

Result<Surroundings> Resolver::surroundings() {
    TRY(const auto addresses, netlink::InterfaceAddresses(socket_).dump());
    Surroundings around;
    for (const auto& address : addresses) {
        if (find_link(network_, address.link) == nullptr || !is_usable(address)) continue;
        auto& own = address.prefix.address.is_v4() ? around.own4 : around.own6;
        if (!own) own = address.prefix.address;
    }
    around.vlans = std::ranges::any_of(
        network_.vlans, [this](const auto& vlan) { return find_link(network_, vlan.second.lower) != nullptr; });
    return around;
}

void Resolver::forget(const Services::Shared& service) {
    sent_.remove(service);
    for (const Backend& backend : service->backends) {
        if (sent_.backends().contains(backend.address)) continue;
        routes_.erase(backend.address);
        hops_.erase(backend.address);
        path_mtus_.forget(backend.address);
    }
}

Hops Resolver::update() {
    if (std::exchange(routes_are_stale_, false)) routes_.clear();
    if (routes_.size() < sent_.backends().size()) look_up_routes();
    std::set<NeighbourKey> wanted;
    Hops hops;
    for (const auto& [backend, route] : routes_) {
        Hop& hop = hops.emplace(backend, next_hop(backend, route, network_)).first->second;
        if (hop) complete(backend, *hop);
        if (const auto key = neighbour_of(backend)) wanted.insert(*key);
    }
    keep_resolved(wanted);
    return hops_ = std::move(hops);
}

Hops Resolver::ways_out() {
    look_up_routes();
    Hops hops;
    for (const auto& [backend, route] : routes_) hops.emplace(backend, way_out(backend, route, network_));
    return hops;
}

/// With what no table of the kernel's says.
void Resolver::complete(const IpAddress& backend, NextHop& hop) const {
    if (backend.is_v4()) hop.identification = flow_key_.identification(hop.from, backend);
    const auto* learned = path_mtus_.find(backend, hop);
    if (learned != nullptr && learned->mtu < hop.mtu) hop.path_mtu = learned->mtu;
}

std::vector<std::string> Resolver::missing() const {
    std::vector<std::string> names;
    std::ranges::copy_if(interfaces_, std::back_inserter(names), [this](const std::string& name) {
        return std::ranges::none_of(network_.ports, [&](const auto& port) { return port.second.is_called(name); });
    });
    return names;
}

std::optional<NeighbourKey> Resolver::neighbour_of(const IpAddress& backend) const {
    const auto route = routes_.find(backend);
    if (route == routes_.end() || !route->second) return std::nullopt;
    return neighbour_on_the_way(backend, *route->second, network_);
}

std::string Resolver::why_unresolved(const IpAddress& backend) const {
    const auto route = routes_.find(backend);
    if (!backend.is_v4() && !kernel_has_ipv6())
        return fmt::format("this kernel was started without IPv6 ({})", cure_of("ipv6_missing"));
    if (route == routes_.end() || !route->second) return {};
    if (!route->second->source) return "there is a route, but no address of this host's own to send from";
    const auto key = neighbour_of(backend);
    return key ? lbd::why_unresolved(*key, network_) : std::string();
}

std::optional<Resolver::Clock::time_point> Resolver::since(const NeighbourKey& key) const {
    const auto known = since_.find(key);
    return known == since_.end() ? std::nullopt : std::optional(known->second);
}

void Resolver::look_up_routes() {
    netlink::Routes routes(socket_);
    for (const auto& [backend, kinds] : sent_.backends()) {
        if (routes_.contains(backend)) continue;
        auto route = routes.lookup({.destination = backend, .by_tables = true});
        routes_[backend] = route ? std::optional(*std::move(route)) : std::nullopt;
    }
}

/// Entries that an administrator has fixed are left alone: the kernel would turn them into dynamic ones.
bool Resolver::is_static(const NeighbourKey& key) const {
    const auto neighbour = network_.neighbours.find(key);
    return neighbour != network_.neighbours.end() && (neighbour->second.state & (NUD_PERMANENT | NUD_NOARP)) != 0;
}

void Resolver::keep_resolved(const std::set<NeighbourKey>& wanted) {
    netlink::Neighbours neighbours(socket_);
    for (const NeighbourKey& key : wanted) {
        if (managed_.contains(key) || is_static(key)) continue;
        const auto done = neighbours.manage(key.link, key.address);
        if (done)
            managed_.insert(key);
        else
            common::log_limited(spdlog::level::warn, {{"EVENT", log_event("neighbour_refused")}},
                                done.error().message());
    }
    std::erase_if(managed_, [&](const NeighbourKey& key) {
        if (wanted.contains(key)) return false;
        if (!is_static(key)) (void)neighbours.remove(key.link, key.address);
        return true;
    });
}

std::map<std::string, RedirectSettings> Resolver::redirects() const {
    std::map<std::string, RedirectSettings> all;
    for (const auto* links : {&network_.ports, &network_.vlans})
        for (const auto& [index, link] : *links)
            if (links == &network_.ports || find_link(network_, link.lower) != nullptr)
                all.emplace(link.name, read_redirect_settings(link.name));
    return all;
}

void Resolver::warn() const {
    for (const auto& [name, settings] : redirects()) log_redirects(name, settings.cures(name));
}

void Resolver::release() { keep_resolved({}); }

void Resolver::release_all_but(const Resolver& other) { keep_resolved(other.managed_); }

}  // namespace culvert::lbd
