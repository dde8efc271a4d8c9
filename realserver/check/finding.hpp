// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::realserver {

/// The cause and the cure in general words. A Finding has the details. Words in capitals stand for them.
struct FindingKind {
    std::string_view name;
    std::string_view cause;
    std::string_view cure;
};

/// All findings of check. Each has a test between hosts that runs its cure: tests/unit/realserver/findings lists them.
inline constexpr auto finding_kinds = std::to_array<FindingKind>({
    // what apply sets
    {"device_differs", "a tunnel device has other parameters than the configuration asks for", "realserver apply"},
    {"device_down", "a tunnel device is down", "ip link set DEVICE up"},
    {"device_missing", "a tunnel device does not exist", "realserver apply"},
    {"device_taken", "a foreign device or XDP program is in the place of one that the configuration asks for",
     "remove the other one, or change the configuration; then realserver apply"},
    {"device_wrong_mode", "ip6tnl0 accepts only some of the packets that it should accept",
     "ip -6 tunnel change ip6tnl0 mode MODE"},
    {"fallback_device_absent", "the device that a tunnel module makes itself does not exist in this network namespace",
     "a command, if one helps; otherwise what to change"},
    {"left_over", "apply made a setting that the configuration does not ask for any more", "realserver apply"},
    {"module_missing", "the kernel lacks a module",
     "write via: xdp and apply, or install a kernel that has the module"},
    {"module_not_loaded", "a kernel module is installed but not loaded", "modprobe MODULE && realserver apply"},
    {"nf_tables_missing", "the kernel has no nf_tables, which the guard, L3DSR and mss need",
     "load or install the module"},
    {"port_differs", "a FOU or GUE port decapsulates other packets than the configuration asks for",
     "realserver apply"},
    {"port_missing", "no FOU or GUE port decapsulates the packets", "realserver apply"},
    {"port_taken", "a process, or a FOU port that realserver did not make, uses the port",
     "stop the process or choose another port; then realserver apply"},
    {"rules_differ", "the nftables table inet culvert differs from what the configuration asks for",
     "realserver apply"},
    {"rules_missing", "the nftables table inet culvert does not exist", "realserver apply"},
    {"sysctl_reset", "somebody changed a sysctl after apply had set it",
     "realserver apply && realserver render sysctl -o /"},
    {"vip_missing", "a VIP is not an address of lo", "realserver apply"},
    {"vip_takes_others", "a VIP network contains a gateway or an address of this host",
     "make the VIP smaller; then realserver apply"},
    {"xdp_differs", "the XDP program decapsulates other packets than the configuration asks for", "realserver apply"},
    {"xdp_missing", "the XDP program is not attached", "realserver apply"},
    {"no_device_for_xdp", "no route leads to a balancer, so the device for the XDP program is unknown",
     "add the route, or write interfaces:; then realserver apply"},
    // how packets arrive
    {"device_in_vrf", "the device that packets arrive on belongs to a VRF, while services, VIPs and routes do not",
     "ip link set DEVICE nomaster, or run services and realserver in a network namespace"},
    {"answers_no_arp", "the host answers no ARP requests, so nobody can send it packets",
     "ip link set DEVICE arp on, or sysctl -w net.ipv4.conf.DEVICE.arp_ignore=1"},
    {"arp_filtered", "a rule drops all ARP packets, so nobody can send this host packets, or it can answer nobody",
     "nft 'chain arp TABLE CHAIN { policy accept; }', or nft delete rule arp TABLE CHAIN handle NUMBER"},
    {"no_carrier", "a device that packets arrive on or leave by has no carrier", "connect it"},
    {"request_refused", "routing rules keep the kernel from accepting packets to a VIP as its own",
     "ip rule add pref 0 lookup local"},
    {"ipv6_disabled", "IPv6 is off on lo or on a device that packets arrive on",
     "sysctl -w net.ipv6.conf.DEVICE.disable_ipv6=0"},
    {"rp_filter_drops", "the reverse-path filter drops clients' packets",
     "realserver apply, or sysctl -w net.ipv4.conf.DEVICE.rp_filter=2"},
    {"device_takes_packets", "a tunnel device that realserver did not make receives the packets meant for another",
     "ip link del DEVICE, or give it other addresses"},
    {"tunnel_not_listed", "the guard drops the packets of a tunnel device that realserver did not make",
     "list its other end in tunnel_peers; then realserver apply"},
    {"mtu_too_small", "full-size packets do not fit through a tunnel",
     "raise the MTU of the interface, or write mtu:; then realserver apply"},
    // who answers ARP for the VIPs
    {"arp_announces_vip", "the host's ARP requests have VIPs as source, so neighbours learn the VIPs from it",
     "sysctl -w net.ipv4.conf.all.arp_announce=2"},
    {"arp_answers_vip", "the host answers ARP requests for VIPs in place of the balancer",
     "sysctl -w net.ipv4.conf.all.arp_ignore=1"},
    {"proxy_answers_vip", "the host answers neighbour discovery for a VIP as a proxy",
     "ip neigh del proxy VIP dev DEVICE"},
    {"vip_on_device", "a VIP is on a device that answers for it", "ip addr del VIP dev DEVICE && realserver apply"},
    // answers to clients
    {"gateway_silent", "the gateway for answers does not respond",
     "check that it is up, and that the route names the right one"},
    {"network_is_local", "a network that has other hosts in it is local to this host",
     "remove the address or the route"},
    {"no_route_back", "the kernel has no route for answers to clients",
     "add the route, or remove the rule that hides it"},
    {"no_route_to_balancer", "no route leads to a balancer, and the guard drops its packets",
     "add the route, or write interfaces:; then realserver apply"},
    {"nobody_listens", "no process listens on a VIP", "start the service, on the VIP or on all addresses"},
    // rules of others
    {"firewall_drops_answer", "a firewall rule drops the answers to clients", "a command that adds an exception"},
    {"firewall_drops_request", "a firewall rule drops clients' requests", "a command that adds an exception"},
    {"firewall_drops_tunnel", "a firewall rule drops the balancers' packets", "a command that adds an exception"},
    {"firewall_unread", "the nftables rules could not be read", "install nftables"},
    {"invalid_dropped",
     "a rule drops packets that connection tracking considers invalid, as it sees one direction only",
     "a command that adds an exception"},
    {"ipsec_blocks", "a policy of IPsec drops packets", "ip xfrm policy delete dir DIRECTION index NUMBER"},
    {"legacy_rules_drop", "rules of iptables-legacy may drop packets", "move them to nf_tables"},
    {"rule_rewrites", "a rule rewrites the packets", "remove the rule"},
});

/// The name of one of finding_kinds. An unknown one does not compile.
struct FindingName {
    std::string_view text{};

    FindingName() = default;
    consteval FindingName(const char* name)  // NOLINT(google-explicit-constructor): a name is written as it is
        : text(std::ranges::find(finding_kinds, std::string_view(name), &FindingKind::name)->name) {}

    auto operator<=>(const FindingName&) const = default;
    bool operator==(const FindingName&) const = default;
    template <std::size_t size>
    bool operator==(const char (&name)[size]) const {  // NOLINT(*-avoid-c-arrays): a literal
        return text == std::string_view(name);
    }
};
inline std::ostream& operator<<(std::ostream& stream, const FindingName& name) { return stream << name.text; }

struct Finding {
    FindingName name;                   ///< stable
    std::string cause;                  ///< a sentence
    std::vector<std::string> evidence;  ///< observations, and where they were made
    std::vector<std::string> cure{};    ///< shell commands, to be run in order; may be empty if there is advice
    std::string advice{};               ///< what a person can do, besides or in place of the commands
    bool operator==(const Finding&) const = default;

    [[nodiscard]] std::string command() const;  ///< the cure in one line
};

/// Something that check could not judge.
struct NotJudged {
    std::string what;    ///< "rules of iptables-legacy"
    std::string reason;  ///< a sentence, or the error of the operating system
    bool operator==(const NotJudged&) const = default;
};

struct Diagnosis {
    std::vector<Finding> findings;
    std::size_t checked = 0;  ///< preconditions
    std::vector<NotJudged> not_judged{};

    /// Counts one more precondition, and adds the finding if it is not met.
    void require(bool met, const Finding& otherwise);

    /// Adapts the cures to the options with which realserver was called: `config` is a file, `netns` a name or a path;
    /// empty: the default.
    void write_cures_for(std::string_view config, std::string_view netns);
};

}  // namespace culvert::realserver
