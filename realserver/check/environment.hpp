// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/inet_diag.hpp"
#include "netlink/result.hpp"
#include "netlink/xfrm.hpp"
#include "realserver/check/finding.hpp"
#include "realserver/check/firewall/firewall.hpp"
#include "realserver/check/routing.hpp"
#include "realserver/model/desired.hpp"
#include "realserver/model/state.hpp"

namespace culvert::realserver {

/// Everything else on a host that decides whether a backend works, but is not a setting of ours.
struct Environment {
    struct Device {
        std::uint32_t mtu = 0;   ///< bytes
        std::uint32_t mtu6 = 0;  ///< of IPv6
        bool answers = false;    ///< uses ARP or neighbour discovery
        long arp_ignore = 0;     ///< its own value, without that of "all"
        std::uint32_t index = 0;
        bool up = true;              ///< IFF_UP, as the administrator has set it
        bool carrier = true;         ///< IFF_LOWER_UP: the link is connected
        bool arp = true;             ///< IFF_NOARP is not set
        std::string vrf{};           ///< of which it is a member; empty: none
        bool ipv6_disabled = false;  ///< net.ipv6.conf.<device>.disable_ipv6, or too small an MTU for IPv6
        bool operator==(const Device&) const = default;
    };
    struct OnDevice {
        std::string device;
        netlink::Prefix prefix;
        bool operator==(const OnDevice&) const = default;
    };
    struct Listener {
        netlink::BoundSocket socket;
        std::string device{};  ///< to which it is bound; empty: any
        std::string owner{};   ///< "dnsmasq (process 42)"; only if the socket blocks a port of ours
        bool operator==(const Listener&) const = default;
    };
    /// A line of sysctl.conf or sysctl.d.
    struct SysctlLine {
        std::string pattern;  ///< "/proc/sys/net/ipv4/conf/*/rp_filter"
        std::string text;     ///< "/usr/lib/sysctl.d/50-default.conf: net.ipv4.conf.*.rp_filter = 2"
        bool operator==(const SysctlLine&) const = default;
    };
    /// A rule of iptables-legacy, or a chain with its policy.
    struct LegacyRule {
        std::string table;  ///< "iptables-legacy -t filter"
        std::string text;   ///< as iptables-save prints it
        bool operator==(const LegacyRule&) const = default;
    };
    /// The path on which packets leave.
    struct Way {
        std::string device;
        std::uint32_t mtu = 0;  ///< bytes: the smaller one of the route and the device
        std::optional<netlink::IpAddress> gateway{};
        bool operator==(const Way&) const = default;
    };
    /// The kernel's route for answers from a VIP to a client.
    struct Answer {
        netlink::Prefix vip;
        netlink::IpAddress client;
        std::optional<Way> way;
        std::string refusal;            ///< the kernel's error, if there is no route
        std::uint32_t user = 0;         ///< of the service, if rules select by it
        std::uint8_t ip_protocol = 0;   ///< of the service, if rules select by it; 0: none does
        std::uint16_t source_port = 0;  ///< of the service, if rules select by it
        std::uint32_t mark = 0;         ///< set by rules of nftables
        bool operator==(const Answer&) const = default;
    };
    /// A request that the kernel does not accept as this host's own.
    struct Refused {
        netlink::IpAddress vip;
        netlink::IpAddress client;
        std::string device;            ///< at which it arrives
        std::string answer;            ///< the kernel's route or error
        std::uint8_t ip_protocol = 0;  ///< of the service, if rules select by it; 0: none does
        std::uint16_t port = 0;        ///< likewise
        bool operator==(const Refused&) const = default;
    };

    bool has_ipv6 = true;  ///< the kernel; single devices may lack it
    std::map<std::string, Device> devices;
    std::vector<OnDevice> addresses;
    std::vector<OnDevice> proxied;  ///< addresses for which a device answers neighbour discovery (proxy_ndp)
    std::vector<Listener> listeners;
    std::map<netlink::Prefix, Way> balancers;   ///< the paths to them, if there are any
    std::map<netlink::IpAddress, Way> remotes;  ///< the paths to the other ends of tunnels, if there are any
    std::vector<Answer> answers;                ///< from every VIP to clients in many networks
    std::vector<Refused> refused;
    std::set<netlink::IpAddress> silent;     ///< neighbours that don't answer ARP or neighbour discovery
    std::map<netlink::Family, Way> outside;  ///< the first path of answers, if there is any
    Routing routing;                         ///< all rules and routes
    std::vector<SysctlLine> sysctl_lines;
    std::map<std::string, std::string> hindrances;  ///< what keeps a module from being loaded, with a cure
    Firewall firewall;
    std::string firewall_unread;              ///< why `firewall` is unknown; empty: it is known
    std::vector<netlink::IpsecPolicy> ipsec;  ///< sorted: of several, the first one counts
    netlink::IpsecDefaults ipsec_defaults;
    std::vector<LegacyRule> legacy_rules;
    std::vector<std::string> legacy_unread;  ///< tables of iptables-legacy that could not be read
    std::vector<NotJudged> not_judged;       ///< other files that could not be read, without duplicates
    bool operator==(const Environment&) const = default;
};

/// The settings in a file of sysctl(8); `origin` is its name.
[[nodiscard]] std::vector<Environment::SysctlLine> read_sysctl_lines(std::string_view text, std::string_view origin);

/// Whether the socket of a process keeps the kernel from opening the port.
[[nodiscard]] bool is_in_the_way(const netlink::BoundSocket& socket, const netlink::FouPort& port);

/// The process that owns a socket: "dnsmasq (process 42)"
[[nodiscard]] std::string owner_of(std::uint32_t inode);

/// Observes the network namespace of the calling thread. Changes nothing.
[[nodiscard]] netlink::Result<Environment> observe_environment(const Desired& desired, const Observed& observed);

}  // namespace culvert::realserver
