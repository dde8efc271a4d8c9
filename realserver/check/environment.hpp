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
#include "realserver/check/finding.hpp"
#include "realserver/check/firewall/firewall.hpp"
#include "realserver/check/routing.hpp"
#include "realserver/model/desired.hpp"
#include "realserver/model/state.hpp"

namespace culvert::realserver {

/// What else of a host decides whether a backend works, and is no setting of ours.
struct Environment {
    struct Device {
        std::uint32_t mtu = 0;  ///< bytes
        bool answers = false;   ///< speaks ARP and neighbour discovery
        long arp_ignore = 0;    ///< its own value
        std::uint32_t index = 0;
        bool up = true;              ///< an administrator's wish
        bool carrier = true;         ///< the wire is there
        bool arp = true;             ///< IFF_NOARP is not set
        std::string vrf{};           ///< that it is a member of; empty: none
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
        std::string device{};  ///< that it is bound to; empty: any
        std::string owner{};   ///< "dnsmasq (process 42)"; only of those that are in the way of a port of ours
        bool operator==(const Listener&) const = default;
    };
    /// A line of sysctl.conf or sysctl.d.
    struct SysctlLine {
        std::string pattern;  ///< "/proc/sys/net/ipv4/conf/*/rp_filter"
        std::string text;     ///< "/usr/lib/sysctl.d/50-default.conf: net.ipv4.conf.*.rp_filter = 2"
        bool operator==(const SysctlLine&) const = default;
    };
    /// Of iptables-legacy, or a chain with its policy.
    struct LegacyRule {
        std::string table;  ///< "iptables-legacy -t filter"
        std::string text;   ///< in iptables-save's words
        bool operator==(const LegacyRule&) const = default;
    };
    /// Where packets leave by.
    struct Way {
        std::string device;
        std::uint32_t mtu = 0;  ///< bytes: the route's or the device's
        std::optional<netlink::IpAddress> gateway{};
        bool operator==(const Way&) const = default;
    };
    /// What the kernel says when it is asked for the way from a VIP to a client.
    struct Answer {
        netlink::Prefix vip;
        netlink::IpAddress client;
        std::optional<Way> way;
        std::string refusal;            ///< else, the kernel's words
        std::uint32_t user = 0;         ///< of the service that answers, as far as rules ask for it
        std::uint8_t ip_protocol = 0;   ///< likewise; 0: no rule asks
        std::uint16_t source_port = 0;  ///< likewise
        bool operator==(const Answer&) const = default;
    };
    /// A request that the kernel does not take as this host's own.
    struct Refused {
        netlink::IpAddress vip;
        netlink::IpAddress client;
        std::string device;  ///< by which it comes
        std::string answer;  ///< the kernel's words
        bool operator==(const Refused&) const = default;
    };

    bool has_ipv6 = true;  ///< the kernel; devices may do without
    std::map<std::string, Device> devices;
    std::vector<OnDevice> addresses;
    std::vector<OnDevice> proxied;  ///< addresses that a device answers for in neighbour discovery (proxy_ndp)
    std::vector<Listener> listeners;
    std::map<netlink::Prefix, Way> balancers;   ///< the ways to them, where there is one
    std::map<netlink::IpAddress, Way> remotes;  ///< the ways to the other ends of tunnels, where there is one
    std::vector<Answer> answers;                ///< of every VIP to clients of many networks
    std::vector<Refused> refused;
    std::set<netlink::IpAddress> silent;     ///< neighbours that answer no ARP or neighbour discovery
    std::map<netlink::Family, Way> outside;  ///< the first way of answers, where there is one
    Routing routing;                         ///< all rules and routes
    std::vector<SysctlLine> sysctl_lines;
    std::map<std::string, std::string> hindrances;  ///< what keeps modules from being loaded, and what to do
    Firewall firewall;
    std::string firewall_unread;  ///< why `firewall` is not known; empty: it is
    std::vector<LegacyRule> legacy_rules;
    std::vector<std::string> legacy_unread;  ///< tables of iptables-legacy that could not be read
    std::vector<NotJudged> not_judged;       ///< what else could not be read; nothing twice
    bool operator==(const Environment&) const = default;
};

/// What the text of a file for sysctl(8) sets; `origin` is its name.
[[nodiscard]] std::vector<Environment::SysctlLine> read_sysctl_lines(std::string_view text, std::string_view origin);

/// The kernel can't have the port while a process has the socket.
[[nodiscard]] bool is_in_the_way(const netlink::BoundSocket& socket, const netlink::FouPort& port);

/// Asks the kernel that the calling thread's network namespace belongs to; changes nothing.
[[nodiscard]] netlink::Result<Environment> observe_environment(const Desired& desired, const Observed& observed);

}  // namespace culvert::realserver
