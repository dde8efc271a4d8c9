// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace culvert::lbd {

/// A cure for a fault of the host or of the command line.
struct Cure {
    std::string_view of;     ///< name of the fault
    std::string_view cause;  ///< what is wrong
    /// A shell command or an advice, as it is printed. Braces are filled in by fmt::format; words in capitals by the
    /// reader.
    std::string_view text;
};

/// All cures that lbd prints. Each has a test that carries it out: see tests/unit/lbd/cures.
inline constexpr auto cures = std::to_array<Cure>({
    // the host
    {"interface_missing", "an interface of the configuration does not exist", "ip link lists the existing ones"},
    {"interface_is_member", "an interface of the configuration is a member of a bond or bridge", "interfaces: [{}]"},
    {"ipv6_missing", "the kernel was started without IPv6", "boot it without ipv6.disable=1 in /proc/cmdline"},
    {"neighbours_not_asked", "an interface resolves no neighbours, as ARP is off there", "ip link set {} arp on"},
    {"no_link_local", "an interface has no IPv6 link-local address, so the kernel resolves no IPv6 neighbours there",
     "ip addr add {}/64 dev {}"},
    {"redirects_followed", "the host follows ICMP redirects, which anybody can forge", "sysctl -w {}"},
    {"path_too_narrow", "the MTU of the path to a backend leaves too little room for IPv6 packets once encapsulated",
     "raise it, or choose an encapsulation that adds less"},
    {"path_mtu_too_low", "a router reports a path MTU below the lowest that lbd accepts",
     "if that is right, set the mtu of the route"},
    // an interface on which the program cannot run
    {"native_impossible", "a driver does not support native XDP", "xdp: generic"},
    {"mtu_too_long", "a driver refuses native XDP because of the interface's MTU", "ip link set dev {} mtu {}"},
    {"mtu_too_long_elsewhere",
     "a veth whose other end is in another network namespace refuses native XDP because of that end's MTU",
     "at the other end: an MTU of {} or less"},
    {"other_end_takes_none", "the other end of a veth does not accept frames from native XDP", "ethtool -K {} gro on"},
    {"other_end_elsewhere_takes_none",
     "the other end of a veth, in another network namespace, does not accept frames from native XDP",
     "at the other end: gro on"},
    {"queues_too_few", "an interface has fewer receive queues than the other end of the veth has transmit queues",
     "ethtool -L {} rx {}"},
    {"queues_of_other_end_too_many",
     "the other end of a veth has more transmit queues than this end can have receive queues", "ethtool -L {} tx {}"},
    {"queues_shared", "a card has too few queues left for XDP, as receiving and sending share them",
     "ethtool -L {} combined {}"},
    {"queues_shared_apart", "a card has too few queues left for XDP, as it uses all for sockets",
     "ethtool -L {0} rx {1} tx {1}"},
    {"card_merges", "a card merges packets (LRO or hardware GRO), which native XDP does not allow",
     "ethtool -K {} lro off rx-gro-hw off"},
    {"host_merges", "the host of this virtual machine merges packets",
     "on the host, give this machine a card with "
     "guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,guest_csum=off"},
    {"card_always_merges", "a card merges packets, and this cannot be turned off",
     "for a virtual machine: host_tso4=off,guest_tso4=off,guest_tso6=off,guest_ufo=off on its virtio-net device; "
     "or a card that has native XDP"},
    {"tags_not_seen", "generic XDP does not see the VLAN tags of frames on a bridge, bond or macvlan",
     "interfaces: [{}] instead of {}, or cards that have native XDP"},
    // lbd itself
    {"not_running", "lbd does not run", "is it running? lbd run -c FILE"},
    {"not_permitted", "the process lacks capabilities", "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"},
    {"not_permitted_socket", "the process may not open a raw socket", "run as root, or with CAP_NET_RAW"},
    {"not_permitted_tracing", "the kernel does not allow the process to trace BPF programs",
     "run as root; some kernels do not allow tracing of BPF programs"},
    {"other_version_runs", "the pinned maps belong to an lbd that this version cannot take over from",
     "lbd stop --detach, then start: all flows are forgotten"},
    {"maps_full", "a map has no room for another backend, table or flow",
     "restart lbd: it then forgets backends that are gone and have no flows"},
    {"offloads_unreadable", "the file that lists the interfaces' original offloads is damaged",
     "rm {}: the offloads listed there then stay off"},
    {"drains_unreadable", "the file that lists the drained backends is damaged",
     "rm {}: the backends listed there are then active"},
    {"places_unreadable", "the file that lists where lbd's routes are is damaged",
     "rm {}: routes that lbd made in another table stay there"},
    {"left_unreadable", "the file that says whether lbd leave was the last word is damaged",
     "rm {}: VIPs are then announced"},
    {"nothing_announced", "lbd announces no VIP", "announce: {} in lbd.yaml"},
    {"key_missing", "the file with the cluster's key does not exist, or has no key",
     "lbd keygen | install -o {} -m 600 /dev/stdin {}, or copy it from another balancer of the cluster"},
    {"key_unreadable", "lbd may not read a file with a key", "chown {} {}"},
    {"key_open", "every user may read the file with the cluster's key", "chmod o= {}"},
    {"own_key_damaged", "the file with the key that lbd has made for itself is damaged",
     "rm {}: lbd then makes another one"},
    {"state_not_writable", "lbd cannot write to its state directory, where its key is",
     "StateDirectory=culvert/lbd in the unit of systemd, or --state-dir DIRECTORY"},
    {"key_kept", "the pinned program has another key than the configuration",
     "lbd stop --detach, then start, at a moment without connections: all flows are forgotten"},
    {"sender_unknown", "the address that packets to a backend are sent from is unknown", "--balancer ADDRESS"},
    {"capture_compressed", "a capture file is compressed", "{} {} | lbd explain --pcap -"},
});

/// The cure for the fault of this name. An unknown name does not compile.
consteval std::string_view cure_of(std::string_view name) { return std::ranges::find(cures, name, &Cure::of)->text; }

}  // namespace culvert::lbd
