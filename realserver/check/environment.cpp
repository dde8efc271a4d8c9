// SPDX-License-Identifier: Apache-2.0
#include "realserver/check/environment.hpp"

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

#include "netlink/ifaddr.hpp"
#include "netlink/links.hpp"
#include "netlink/modules.hpp"
#include "netlink/neighbour.hpp"
#include "netlink/nftables/nftables.hpp"
#include "netlink/route.hpp"
#include "netlink/rule.hpp"
#include "netlink/sysctl.hpp"
#include "realserver/check/arrivals.hpp"
#include "realserver/guard/ruleset.hpp"
#include "realserver/host/balancers.hpp"
#include "realserver/host/program.hpp"
#include "realserver/plan/wanted.hpp"
#include "realserver/receive/encapsulation.hpp"
#include "realserver/receive/receivers.hpp"

namespace culvert::realserver {

namespace {

using netlink::BoundSocket;
using netlink::Result;
using netlink::Routes;
using netlink::Socket;
using netlink::SysctlKey;

namespace fs = std::filesystem;

/// Clients all over the world: one in each sixteenth of the public IPv4 addresses, and one of each regional registry in
/// IPv6 (www.iana.org/assignments/ipv6-unicast-address-assignments). Only the kernel's routes to them are looked up;
/// nothing is sent.
std::vector<IpAddress> far_away(Family family) {
    constexpr std::array world4{"8.0.0.1",   "17.0.0.1",  "41.0.0.1",   "58.0.0.1",  "77.0.0.1",
                                "91.0.0.1",  "104.0.0.1", "113.0.0.1",  "133.0.0.1", "151.0.0.1",
                                "163.0.0.1", "187.0.0.1", "198.41.0.4", "217.0.0.1"};
    constexpr std::array world6{"2001:503:ba3e::2:30", "2400:cb00::1", "2600::1", "2800::1", "2a00::1", "2c0f::1"};
    std::vector<IpAddress> result;
    const auto add = [&](const char* text) { result.push_back(IpAddress::parse(text).value()); };
    if (family == Family::ipv4)
        std::ranges::for_each(world4, add);
    else
        std::ranges::for_each(world6, add);
    return result;
}

/// A routing table may be as large as the Internet's. This many networks are looked up.
constexpr std::size_t most_networks = 64;

std::vector<IpAddress> inside_each(const std::vector<Prefix>& networks) {
    std::vector<IpAddress> result;
    for (const Prefix& network : networks)
        if (result.size() < most_networks) result.push_back(inside(network));
    return result;
}

/// Observes one host.
class Observer {
  public:
    Observer(const Desired& desired, const Observed& observed, Socket route)
        : desired_(desired), config_(desired.config), observed_(observed), route_(std::move(route)) {}

    Result<Environment> observe() {
        CHECK_OK(devices());
        CHECK_OK(addresses());
        CHECK_OK(proxies());
        CHECK_OK(listeners());
        CHECK_OK(ways());
        firewall();
        CHECK_OK(answers());
        CHECK_OK(observe_arrivals(desired_, observed_, route_, seen_));
        modules();
        ipsec();
        sysctl_files();
        legacy();
        return std::move(seen_);
    }

  private:
    Result<> devices() {
        const auto of_ipv6 = netlink::read_number(SysctlKey::conf(Family::ipv6, "all", "disable_ipv6"));
        seen_.has_ipv6 = of_ipv6 || of_ipv6.error().code != ENOENT;
        TRY(const auto links, netlink::Links(route_).dump());
        std::map<std::uint32_t, std::string> vrfs;
        for (const netlink::Link& link : links)
            if (link.kind == "vrf") vrfs.emplace(link.index, link.name);
        for (const netlink::Link& link : links) {
            names_.emplace(link.index, link.name);
            seen_.devices[link.name] = {
                .mtu = link.mtu,
                .mtu6 = static_cast<std::uint32_t>(
                    setting(SysctlKey::conf(Family::ipv6, link.name, "mtu"), static_cast<long>(link.mtu))),
                .answers = !link.is_loopback() && (link.flags & (IFF_NOARP | IFF_POINTOPOINT)) == 0,
                .arp_ignore = setting(SysctlKey::arp_ignore(link.name)),
                .index = link.index,
                .up = link.is_up(),
                .carrier = link.has_carrier(),
                .arp = (link.flags & IFF_NOARP) == 0,
                .vrf = vrfs.contains(link.master) ? vrfs.at(link.master) : "",
                .ipv6_disabled = setting(SysctlKey::conf(Family::ipv6, link.name, "disable_ipv6"), 1) != 0};
        }
        return {};
    }

    Result<> addresses() {
        TRY(const auto all, netlink::InterfaceAddresses(route_).dump());
        for (const auto& address : all) seen_.addresses.push_back({name(address.link), address.prefix});
        return {};
    }

    /// net/ipv6/ndisc.c, ndisc_recv_ns. In IPv4 a proxy never answers for an address of the host itself
    /// (net/ipv4/arp.c, arp_process), so proxy_arp doesn't matter if the VIP is on lo.
    Result<> proxies() {
        TRY(const auto all, netlink::Neighbours(route_).dump({.family = Family::ipv6, .proxies = true}));
        const auto conf = [this](std::string_view device, std::string_view what) {
            return setting(SysctlKey::conf(Family::ipv6, device, what)) != 0;
        };
        for (const netlink::Neighbour& proxy : all) {
            const std::string device = name(proxy.link);
            if (conf(device, "forwarding") && (conf("all", "proxy_ndp") || conf(device, "proxy_ndp")))
                seen_.proxied.push_back({device, Prefix::host(proxy.address)});
        }
        return {};
    }

    Result<> listeners() {
        TRY(Socket diag, Socket::open(NETLINK_SOCK_DIAG));
        TRY(auto sockets, netlink::bound_sockets(diag));
        const auto ours = ports();
        for (BoundSocket& socket : sockets) {
            const bool in_the_way =
                std::ranges::any_of(ours, [&](const auto& port) { return is_in_the_way(socket, port); });
            std::string owner = in_the_way ? owner_of(socket.inode) : "";
            std::string device = name(socket.link);
            seen_.listeners.push_back({std::move(socket), std::move(device), std::move(owner)});
        }
        return {};
    }

    /// FOU and GUE ports, and the ports of devices as if they were such.
    [[nodiscard]] std::vector<netlink::FouPort> ports() const {
        std::vector<netlink::FouPort> result;
        for (const auto& [key, item] : want(desired_, observed_.state, {}))
            if (const auto* port = std::get_if<Port>(&item)) result.push_back(port->port);
        for (const Receive& receive : desired_.by_kernel)
            if (const auto* end = std::get_if<TunnelEnd>(&receive);
                end != nullptr && encapsulation(*end).port == PortUse::device)
                for (const Family family : families_of_port(*end))
                    result.push_back({.family = family, .port = end->port});
        return result;
    }

    Result<> ways() {
        TRY(seen_.routing.routes, Routes(route_).dump());
        TRY(const WaysToBalancers to_balancers, WaysToBalancers::open(route_, seen_.routing.routes));
        for (const Prefix& balancer : config_.balancers)
            for (const netlink::Route& route : to_balancers.to(balancer))
                for (const netlink::NextHop& hop : route.hops) add_way(balancer, way(route, hop));
        for (const PointToPoint& tunnel : config_.tunnels) {
            if (!tunnel.parameters.remote) continue;
            const auto route = Routes(route_).lookup({.destination = *tunnel.parameters.remote});
            if (route && !route->hops.empty()) seen_.remotes[*tunnel.parameters.remote] = way(*route);
        }
        return {};
    }

    Result<> answers() {
        TRY(seen_.routing.rules, netlink::Rules(route_).dump());
        for (const Family family : families(config_.vips)) {
            const auto world = far_away(family);
            bool answered = ask(family, world);
            const auto networks = answered || has_default_route(seen_.routing, family)
                                      ? refused_networks(seen_.routing, family)
                                      : routed_networks(seen_.routing, family);  // a network without the Internet
            if (!answered && !networks.empty() && !has_default_route(seen_.routing, family))
                std::erase_if(seen_.answers, [&](const auto& answer) { return answer.client.family() == family; });
            answered = ask(family, inside_each(networks)) || answered;
            // Before the first apply the host has no VIP, so no answer can be looked up.
            for (const IpAddress& client : world)
                if (const auto route = Routes(route_).lookup({.destination = client});
                    !seen_.outside.contains(family) && route && !route->hops.empty())
                    seen_.outside.emplace(family, way(*route));
        }
        return {};
    }

    /// Looks up the answers to the clients. Returns whether one of them has a route.
    bool ask(Family family, const std::vector<IpAddress>& clients) {
        bool answered = false;
        for (const Prefix& vip : config_.vips) {
            if (vip.address.family() != family || !observed_.state.contains(key(Vip{vip}))) continue;
            for (const IpAddress& client : clients)
                for (Environment::Answer answer : questions(vip, client)) {
                    const auto route = look_up_answer({.destination = client,
                                                       .source = vip.address,
                                                       .mark = answer.mark,
                                                       .user = answer.user,
                                                       .ip_protocol = answer.ip_protocol,
                                                       .source_port = answer.source_port});
                    if (route && !route->hops.empty()) {
                        answer.way = way(*route);
                        seen_.outside.emplace(family, *answer.way);
                        answered = true;
                    } else {
                        answer.refusal = route ? "the route has no next hop" : route.error().message();
                    }
                    seen_.answers.push_back(std::move(answer));
                }
        }
        return answered;
    }

    /// One lookup. If rules select by user, protocol or port, one for each service. If a service's answers get a mark
    /// on their way, one more for that.
    [[nodiscard]] std::vector<Environment::Answer> questions(const Prefix& vip, const IpAddress& client) const {
        std::vector<Environment::Answer> result = unmarked(vip, client);
        for (const auto& [socket, device, owner] : seen_.listeners) {
            if (!socket.takes(vip.address)) continue;
            const Packets packets{.protocol = socket.protocol,
                                  .source = Prefix::host(vip.address),
                                  .destination = Prefix::host(client),
                                  .source_port = socket.port,
                                  .tracking = Tracking::established};
            const std::uint32_t mark = mark_for_route(seen_.firewall, packets);
            if (mark == 0) continue;
            result.push_back({.vip = vip,
                              .client = client,
                              .way = {},
                              .refusal = {},
                              .user = socket.user,
                              .ip_protocol = socket.protocol,
                              .source_port = socket.port,
                              .mark = mark});
        }
        return result;
    }

    [[nodiscard]] std::vector<Environment::Answer> unmarked(const Prefix& vip, const IpAddress& client) const {
        const auto asks = [](const netlink::Rule& rule) {
            return rule.users || rule.source_ports || rule.ip_protocol != 0;
        };
        Environment::Answer plain{.vip = vip, .client = client, .way = {}, .refusal = {}};
        if (std::ranges::none_of(seen_.routing.rules, asks)) return {plain};
        std::vector<Environment::Answer> result;
        for (const auto& listener : seen_.listeners) {
            if (!listener.socket.takes(vip.address)) continue;
            plain.user = listener.socket.user;
            plain.ip_protocol = listener.socket.protocol;
            plain.source_port = listener.socket.port;
            result.push_back(plain);
        }
        return result;
    }

    /// With net.ipv4.tcp_fwmark_accept, answers have the mark of their requests.
    Result<netlink::Route> look_up_answer(Routes::Lookup packet) {
        auto route = Routes(route_).lookup(packet);
        static const auto accept = SysctlKey::parse("net.ipv4.tcp_fwmark_accept").value();
        if (route || packet.mark != 0 || setting(accept) == 0) return route;
        for (const netlink::Rule& rule : seen_.routing.rules) {
            if (rule.mask == 0 || rule.mark == 0) continue;
            packet.mark = rule.mark;
            if (auto marked = Routes(route_).lookup(packet)) return marked;
        }
        return route;
    }

    void add_way(const Prefix& balancer, const Environment::Way& way) {
        const auto [first, last] = seen_.balancers.equal_range(balancer);
        if (std::none_of(first, last, [&](const auto& known) { return known.second == way; }))
            seen_.balancers.emplace(balancer, way);
    }

    [[nodiscard]] Environment::Way way(const netlink::Route& route) const { return way(route, route.hops.front()); }
    [[nodiscard]] Environment::Way way(const netlink::Route& route, const netlink::NextHop& hop) const {
        const std::string device = name(hop.link);
        const auto known = seen_.devices.find(device);
        const bool is_v4 = route.destination.address.is_v4();
        const std::uint32_t mtu = known == seen_.devices.end() ? 0 : is_v4 ? known->second.mtu : known->second.mtu6;
        return {.device = device, .mtu = route.mtu == 0 ? mtu : std::min(route.mtu, mtu), .gateway = hop.gateway};
    }

    /// A kernel without IPsec has no policies.
    void ipsec() {
        auto xfrm = Socket::open(NETLINK_XFRM);
        auto policies = xfrm ? netlink::ipsec_policies(*xfrm) : tl::unexpected(xfrm.error());
        if (policies) {
            std::ranges::stable_sort(*policies, {}, &netlink::IpsecPolicy::priority);
            seen_.ipsec = *std::move(policies);
            seen_.ipsec_defaults = netlink::ipsec_defaults(*xfrm).value_or(netlink::IpsecDefaults{});
        } else if (policies.error().code != EPROTONOSUPPORT) {
            seen_.not_judged.push_back({"policies of IPsec", policies.error().message()});
        }
    }

    void modules() {
        const Receivers receivers(desired_);
        for (const std::string_view module : receivers.modules()) {
            if (observed_.state.contains({Kind::module, std::string(module)})) continue;
            if (auto hindrance = netlink::module_hindrance(module); !hindrance.empty())
                seen_.hindrances.emplace(module, std::move(hindrance));
        }
    }

    void sysctl_files() {
        std::vector<fs::path> files{"/etc/sysctl.conf"};
        std::error_code error;
        constexpr std::string_view what = "which files set sysctls at boot";
        for (const char* directory :
             {"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"}) {
            for (const auto& file : fs::directory_iterator(directory, error))
                if (file.path().extension() == ".conf") files.push_back(file.path());
            if (error) not_judged(what, directory, error.value());
        }
        for (const fs::path& file : files)
            std::ranges::move(read_sysctl_lines(read(file, what), file.string()),
                              std::back_inserter(seen_.sysctl_lines));
    }

    void firewall() {
        if (const auto kernel = netlink::nft::Nftables::open(); !kernel && kernel.error().code == EPROTONOSUPPORT)
            return;
        const auto json = output_of({"nft", "-j", "-n", "list", "ruleset"});
        const auto text = json ? output_of({"nft", "-a", "-s", "list", "ruleset"}) : json;
        if (!text) {
            seen_.firewall_unread = text.error().message();
            return;
        }
        auto rules = read_firewall(*json, *text, table_name);
        if (rules) seen_.firewall = *std::move(rules);
        if (!rules) seen_.firewall_unread = "nft -j list ruleset: " + rules.error();
    }

    /// These files name the tables of iptables-legacy once somebody has used them.
    void legacy() {
        for (const auto& [file, program] :
             {std::pair("ip_tables_names", "iptables-legacy"), std::pair("ip6_tables_names", "ip6tables-legacy")}) {
            const std::string path = fmt::format("/proc/thread-self/net/{}", file);
            const std::string tables = read(path, fmt::format("rules of {}", program));
            if (tables.empty()) continue;
            const auto rules = output_of({fmt::format("{}-save", program)});
            if (!rules) {
                seen_.legacy_unread.push_back(fmt::format("{}: {}", path, rules.error().message()));
                continue;
            }
            std::istringstream lines(*rules);
            std::string table;
            for (std::string line; std::getline(lines, line);) {
                if (line.starts_with('*')) table = fmt::format("{} -t {}", program, line.substr(1));
                if (line.starts_with("-A") || line.starts_with(':')) seen_.legacy_rules.push_back({table, line});
            }
        }
    }

    /// `otherwise` if there is no such setting, as the kernel has no IPv6 or the device was deleted.
    long setting(const SysctlKey& key, long otherwise = 0) {
        const auto value = netlink::read_number(key);
        if (!value) not_judged(key.to_string(), key.path(), value.error().code);
        return value.value_or(otherwise);
    }

    /// The content of the file; empty if it can't be read.
    std::string read(const fs::path& path, std::string_view what) {
        errno = 0;
        std::ifstream file(path);
        if (!file) not_judged(what, path, errno);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    /// A file that doesn't exist needs no report.
    void not_judged(std::string_view what, const fs::path& path, int code) {
        if (code == ENOENT) return;
        NotJudged unread{std::string(what), netlink::failure("read", path.string(), code).value().message()};
        if (std::ranges::find(seen_.not_judged, unread) == seen_.not_judged.end())
            seen_.not_judged.push_back(std::move(unread));
    }

    [[nodiscard]] std::string name(std::uint32_t link) const {
        const auto known = names_.find(link);
        return known == names_.end() ? std::string{} : known->second;
    }

    const Desired& desired_;
    const Config& config_;
    const Observed& observed_;
    Socket route_;
    std::map<std::uint32_t, std::string> names_;
    Environment seen_;
};

}  // namespace

Result<Environment> observe_environment(const Desired& desired, const Observed& observed) {
    TRY(Socket route, Socket::open(NETLINK_ROUTE));
    return Observer(desired, observed, std::move(route)).observe();
}

}  // namespace culvert::realserver
