// SPDX-License-Identifier: Apache-2.0
#include "realserver/check/environment.hpp"

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

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
#include "netlink/neighbour.hpp"
#include "netlink/nftables/nftables.hpp"
#include "netlink/route.hpp"
#include "netlink/sysctl.hpp"
#include "realserver/decap/via.hpp"
#include "realserver/guard/ruleset.hpp"
#include "realserver/host/program.hpp"
#include "realserver/plan/receivers.hpp"
#include "realserver/plan/wanted.hpp"

namespace culvert::realserver {

namespace {

using netlink::BoundSocket;
using netlink::Result;
using netlink::Routes;
using netlink::Socket;
using netlink::SysctlKey;

namespace fs = std::filesystem;

/// Far away from every backend: the first of the DNS's root servers. It is only looked up, nothing is sent.
IpAddress far_away(Family family) {
    return IpAddress::parse(family == Family::ipv4 ? "198.41.0.4" : "2001:503:ba3e::2:30").value();
}

/// 0 where there is no such setting: the kernel has no IPv6, or the device went away.
long setting(const SysctlKey& key) { return netlink::read_number(key).value_or(0); }

std::string read_file(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Looks at one host.
class Observer {
  public:
    Observer(const Config& config, const Observed& observed, Socket route)
        : config_(config), observed_(observed), route_(std::move(route)) {}

    Result<Environment> observe() {
        CHECK_OK(devices());
        CHECK_OK(addresses());
        CHECK_OK(proxies());
        CHECK_OK(listeners());
        CHECK_OK(ways());
        sysctl_files();
        firewall();
        legacy();
        return std::move(seen_);
    }

  private:
    Result<> devices() {
        TRY(const auto links, netlink::Links(route_).dump());
        for (const netlink::Link& link : links) {
            names_.emplace(link.index, link.name);
            seen_.devices[link.name] = {
                .mtu = link.mtu,
                .answers = !link.is_loopback() && (link.flags & (IFF_NOARP | IFF_POINTOPOINT)) == 0,
                .arp_ignore = setting(SysctlKey::arp_ignore(link.name)),
                .ipv6_disabled = setting(SysctlKey::conf(Family::ipv6, link.name, "disable_ipv6")) != 0};
        }
        return {};
    }

    Result<> addresses() {
        TRY(const auto all, netlink::InterfaceAddresses(route_).dump());
        for (const auto& address : all) seen_.addresses.push_back({name(address.link), address.prefix});
        return {};
    }

    /// net/ipv6/ndisc.c, ndisc_recv_ns. In IPv4 a proxy never answers for what is an address of the host
    /// (net/ipv4/arp.c, arp_process), so proxy_arp is no matter where the VIP is on lo.
    Result<> proxies() {
        TRY(const auto all, netlink::Neighbours(route_).dump({.family = Family::ipv6, .proxies = true}));
        const auto conf = [](std::string_view device, std::string_view what) {
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
            std::string owner = is_in_the_way(socket, ours) ? owner_of(socket.inode) : "";
            seen_.listeners.push_back({std::move(socket), std::move(owner)});
        }
        return {};
    }

    [[nodiscard]] static bool is_in_the_way(const BoundSocket& socket, const std::vector<netlink::FouPort>& ports) {
        return std::ranges::any_of(ports, [&](const auto& port) { return realserver::is_in_the_way(socket, port); });
    }

    /// Those of FOU and GUE, and as if they were such, those of Geneve.
    [[nodiscard]] std::vector<netlink::FouPort> ports() const {
        std::vector<netlink::FouPort> result;
        for (const auto& [key, item] : want(config_, observed_.state, {}))
            if (const auto* port = std::get_if<Port>(&item)) result.push_back(port->port);
        for (const Receive& receive : config_.receive)
            if (const auto* tunnel = std::get_if<GeneveTunnel>(&receive))
                for (const Family family : {Family::ipv4, Family::ipv6})
                    result.push_back({.family = family, .port = tunnel->port});
        return result;
    }

    /// "dnsmasq (process 42)"
    static std::string owner_of(std::uint32_t inode) {
        const std::string wanted = fmt::format("socket:[{}]", inode);
        std::error_code error;
        for (const auto& process : fs::directory_iterator("/proc", error)) {
            for (const auto& file : fs::directory_iterator(process.path() / "fd", error)) {
                if (fs::read_symlink(file.path(), error) != wanted) continue;
                std::string command = read_file(process.path() / "comm");
                if (command.ends_with('\n')) command.pop_back();
                return fmt::format("{} (process {})", command, process.path().filename().string());
            }
        }
        return "a process that /proc does not show";
    }

    Result<> ways() {
        for (const Prefix& balancer : config_.balancers) {
            const auto route = Routes(route_).lookup({.destination = inside(balancer)});
            if (route && !route->hops.empty() && route->type == RTN_UNICAST) seen_.balancers[balancer] = way(*route);
        }
        for (const PointToPoint& tunnel : config_.tunnels) {
            if (!tunnel.parameters.remote) continue;
            const auto route = Routes(route_).lookup({.destination = *tunnel.parameters.remote});
            if (route && !route->hops.empty()) seen_.remotes[*tunnel.parameters.remote] = way(*route);
        }
        for (const Family family : families(config_.vips)) CHECK_OK(way_out(family));
        return {};
    }

    /// An address of the prefix that is no subnet-router anycast address (RFC 4291, section 2.6.1).
    static IpAddress inside(const Prefix& prefix) {
        if (prefix.is_host()) return prefix.address;
        std::vector<std::uint8_t> bytes(prefix.address.bytes().begin(), prefix.address.bytes().end());
        bytes.back() |= 1;
        return IpAddress::from_bytes(bytes).value();
    }

    /// Policy routing may look at the source: a VIP, if there is one by now.
    Result<> way_out(Family family) {
        Routes::Lookup packet{.destination = far_away(family)};
        for (const Prefix& vip : config_.vips)
            if (vip.address.family() == family && observed_.state.contains(key(Vip{vip}))) packet.source = vip.address;
        const auto route = Routes(route_).lookup(packet);
        if (route && !route->hops.empty()) {
            seen_.outside[family] = way(*route);
            return {};
        }
        // A network of its own may have no default route.
        TRY(const auto routes, Routes(route_).dump({.family = family}));
        const auto routed = std::ranges::find_if(routes, [](const netlink::Route& other) {
            return other.type == RTN_UNICAST &&
                   std::ranges::any_of(other.hops, [](const auto& hop) { return hop.gateway.has_value(); });
        });
        if (routed != routes.end()) {
            seen_.outside[family] = way(*routed);
        } else {
            seen_.no_way_out[family] =
                fmt::format("no default route: {}", route ? "it leads nowhere" : route.error().message());
        }
        return {};
    }

    [[nodiscard]] Environment::Way way(const netlink::Route& route) const {
        const std::string device = name(route.hops.front().link);
        const auto known = seen_.devices.find(device);
        const std::uint32_t mtu = known == seen_.devices.end() ? 0 : known->second.mtu;
        return {.device = device, .mtu = route.mtu == 0 ? mtu : std::min(route.mtu, mtu)};
    }

    void sysctl_files() {
        std::vector<fs::path> files{"/etc/sysctl.conf"};
        std::error_code error;
        for (const char* directory : {"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"})
            for (const auto& file : fs::directory_iterator(directory, error))
                if (file.path().extension() == ".conf") files.push_back(file.path());
        for (const fs::path& file : files)
            std::ranges::move(read_sysctl_lines(read_file(file), file.string()),
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

    /// The tables of iptables-legacy have names here once anybody has asked for them.
    void legacy() {
        for (const auto& [file, program] :
             {std::pair("ip_tables_names", "iptables-legacy"), std::pair("ip6_tables_names", "ip6tables-legacy")}) {
            const std::string path = fmt::format("/proc/thread-self/net/{}", file);
            const std::string tables = read_file(path);
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

    [[nodiscard]] std::string name(std::uint32_t link) const {
        const auto known = names_.find(link);
        return known == names_.end() ? std::string{} : known->second;
    }

    const Config& config_;
    const Observed& observed_;
    Socket route_;
    std::map<std::uint32_t, std::string> names_;
    Environment seen_;
};

}  // namespace

std::vector<Environment::SysctlLine> read_sysctl_lines(std::string_view text, std::string_view origin) {
    constexpr std::string_view blanks = " \t-";  // a dash: errors don't matter
    std::vector<Environment::SysctlLine> result;
    while (!text.empty()) {
        const auto end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
        const auto equals = line.find('=');
        if (line.empty() || line.front() == '#' || line.front() == ';' || equals == std::string_view::npos) continue;
        std::string_view name = line.substr(0, equals);
        name = name.substr(0, name.find_last_not_of(blanks) + 1);
        if (const auto key = SysctlKey::parse(name))
            result.push_back({.pattern = key->path(), .text = fmt::format("{}: {}", origin, line)});
    }
    return result;
}

bool is_in_the_way(const BoundSocket& socket, const netlink::FouPort& port) {
    if (socket.protocol != IPPROTO_UDP || socket.port != port.port) return false;
    const IpAddress local = port.local.value_or(IpAddress::any(port.family));
    const bool both = socket.family == Family::ipv6 && !socket.only_ipv6;
    const Family family = socket.address.is_any() ? socket.family : socket.address.family();
    if (family != port.family && !(both && socket.address.is_any())) return false;
    return local.is_any() || socket.address.is_any() || socket.address == local;
}

Result<Environment> observe_environment(const Config& config, const Observed& observed) {
    TRY(Socket route, Socket::open(NETLINK_ROUTE));
    const Config decided = decide(config, observed.around);
    return Observer(decided, observed, std::move(route)).observe();
}

}  // namespace culvert::realserver
