// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/resolver.hpp"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>

#include <cerrno>
#include <climits>
#include <tuple>
#include <utility>
#include <variant>

#include "common/log.hpp"
#include "lbd/model/cure.hpp"
#include "lbd/network/log.hpp"
#include "netlink/ifaddr.hpp"
#include "netlink/links.hpp"
#include "netlink/neighbour.hpp"
#include "netlink/route.hpp"

namespace culvert::lbd {

using netlink::Result;
using netlink::Topic;

namespace {

/// Checks that lbd can balance on the interface, if it exists. Routes lead to a bond, never to its members.
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

/// An address that packets may be sent from.
bool is_usable(const netlink::InterfaceAddress& address) {
    return address.scope == RT_SCOPE_UNIVERSE && is_settled(address);
}

/// The lower, the rather it is the host's own. Others may come and go, such as VIPs that keepalived adds.
int rank(const netlink::InterfaceAddress& address) {
    if ((address.flags & IFA_F_DEPRECATED) != 0) return 2;
    return address.prefix.is_host() ? 1 : 0;
}

}  // namespace

Result<Resolver> Resolver::open(const std::vector<std::string>& interfaces) {
    TRY(auto monitor, netlink::Monitor::open({Topic::links, Topic::addresses, Topic::routes, Topic::next_hops,
                                              Topic::neighbours, Topic::rules}));
    TRY(auto socket, netlink::Socket::open(NETLINK_ROUTE));
    for (const std::string& name : interfaces) CHECK_OK(expect_port(socket, name));
    TRY(auto reports, Reports::open());
    Resolver resolver(std::move(monitor), std::move(socket), std::move(reports), Tables(interfaces));
    CHECK_OK(resolver.listen());
    CHECK_OK(resolver.load());
    return resolver;
}

Result<> Resolver::listen() {
    poll_ = common::Fd(::epoll_create1(EPOLL_CLOEXEC));
    if (!poll_.is_open()) return netlink::failure("open", "epoll", errno);
    std::vector<int> all = reports_.fds();
    all.push_back(monitor_.fd());
    for (const int fd : all) {
        epoll_event readable{.events = EPOLLIN};
        if (::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &readable) < 0)
            return netlink::failure("watch", "the network", errno);
    }
    return {};
}

Result<> Resolver::load() {
    TRY(const auto links, netlink::Links(socket_).dump());
    CHECK_OK(load_addresses());
    TRY(const auto neighbours, netlink::Neighbours(socket_).dump());
    tables_.load(links, neighbours, Clock::now());
    std::ignore = look();
    kept_.forget_missing(network());
    ways_.doubt_routes();
    return {};
}

Result<> Resolver::load_addresses() {
    TRY(const auto addresses, netlink::InterfaceAddresses(socket_).dump({.family = Family::ipv6}));
    tables_.load_addresses(addresses);
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
        TRY(const Effect effect, take(event));
        if (effect == Effect::all) CHECK_OK(load());
        if (std::holds_alternative<netlink::Overrun>(event)) return true;
        if (effect == Effect::routes) ways_.doubt_routes();
        changed |= effect != Effect::nothing;
    }
    return changed;
}

Result<Effect> Resolver::take(const netlink::Event& event) {
    if (std::holds_alternative<netlink::Overrun>(event)) return Effect::all;
    if (const auto* link = std::get_if<netlink::LinkChanged>(&event)) {
        const Effect effect = tables_.take(*link);
        if (effect == Effect::routes) std::ignore = look();  // a new MTU of the link also is that of IPv6
        return effect;
    }
    if (const auto* neighbour = std::get_if<netlink::NeighbourChanged>(&event)) {
        const NeighbourKey key = key_of(neighbour->value);
        const auto known = network().neighbours.find(key);
        if (neighbour->removed)
            kept_.forget(key);
        else if (known != network().neighbours.end() && known->second.is_usable() && !neighbour->value.is_usable())
            kept_.has_failed(key);
        return tables_.take(*neighbour, Clock::now());
    }
    // The host may have all routes of the Internet, which change all the time.
    if (const auto* route = std::get_if<netlink::RouteChanged>(&event))
        return ways_.lead_into(route->value.destination) ? Effect::routes : Effect::nothing;
    if (std::holds_alternative<netlink::AddressChanged>(event)) CHECK_OK(load_addresses());
    return Effect::routes;
}

bool Resolver::take_path_mtus() {
    bool changed = false;
    if (reports_.is_time_to_expire()) {
        common::log_left_out();
        for (const IpAddress& backend : ways_.expire(Clock::now())) {
            log_forgotten_path_mtu(backend);
            changed = true;
        }
    }
    for (const Quotation& quotation : reports_.read()) {
        const PathMtus::Learned* learned = ways_.hear(quotation, Clock::now());
        if (learned == nullptr) continue;
        log_path_mtu(quotation.destination, *learned);
        changed = true;
    }
    return changed;
}

Result<Surroundings> Resolver::surroundings() {
    TRY(const auto addresses, netlink::InterfaceAddresses(socket_).dump());
    Surroundings around;
    int rank4 = INT_MAX;
    int rank6 = INT_MAX;
    for (const auto& address : addresses) {
        if (find_link(network(), address.link) == nullptr || !is_usable(address)) continue;
        const bool is_v4 = address.prefix.address.is_v4();
        int& least = is_v4 ? rank4 : rank6;
        if (rank(address) >= least) continue;
        least = rank(address);
        (is_v4 ? around.own4 : around.own6) = address.prefix.address;
    }
    around.vlans = has_vlans(network());
    return around;
}

Ways::Lookup Resolver::lookup() {
    return [routes = netlink::Routes(socket_)](const IpAddress& backend) mutable -> std::optional<netlink::Route> {
        auto route = routes.lookup({.destination = backend, .by_tables = true});
        return route ? std::optional(*std::move(route)) : std::nullopt;
    };
}

Hops Resolver::update() {
    Hops hops = ways_.update(network(), lookup());
    kept_.keep(ways_.neighbours(network()), network(), socket_);
    return hops;
}

std::string Resolver::why_unresolved(const IpAddress& backend) const {
    if (!backend.is_v4() && !kernel_has_ipv6())
        return fmt::format("this kernel was started without IPv6 ({})", cure_of("ipv6_missing"));
    return ways_.why_unresolved(backend, network());
}

void Resolver::release() { kept_.keep({}, network(), socket_); }

void Resolver::release_all_but(const Resolver& other) { kept_.keep_only(other.kept_, network(), socket_); }

}  // namespace culvert::lbd
