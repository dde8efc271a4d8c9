// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace culvert::lbd {

/// What helps where something is wrong with the host or with how lbd is called.
struct Cure {
    std::string_view of;  ///< a name for what is wrong
    /// A command for a shell, or an advice, as it is printed. In braces, for fmt::format: what it is about; in
    /// capitals: what only the reader knows.
    std::string_view text;
};

/// All whose cure lbd prints. Each has a test in which the cure is carried out: tests/unit/lbd/cures says so.
inline constexpr auto cures = std::to_array<Cure>({
    // the host
    {"interface_missing", "ip link lists those that are there"},
    {"interface_is_member", "interfaces: [{}]"},
    {"ipv6_missing", "boot it without ipv6.disable=1 in /proc/cmdline"},
    {"neighbours_not_asked", "ip link set {} arp on"},
    {"no_link_local", "ip addr add {}/64 dev {}"},
    {"redirects_followed", "sysctl -w {}"},
    {"path_too_narrow", "raise it, or take an encapsulation that adds less"},
    {"path_mtu_too_low", "if it is so, set the mtu of the route"},
    // an interface that can't have the program
    {"native_impossible", "xdp: generic"},
    {"mtu_too_long", "ip link set dev {} mtu {}"},
    {"mtu_too_long_elsewhere", "at the other end: an MTU of {} or less"},
    {"other_end_takes_none", "ethtool -K {} gro on"},
    {"other_end_elsewhere_takes_none", "at the other end: gro on"},
    {"queues_too_few", "ethtool -L {} rx {}"},
    {"queues_of_other_end_too_many", "ethtool -L {} tx {}"},
    {"queues_shared", "ethtool -L {} combined {}"},
    {"queues_shared_apart", "ethtool -L {0} rx {1} tx {1}"},
    {"card_merges", "ethtool -K {} lro off rx-gro-hw off"},
    {"host_merges",
     "on the host, give this machine a card with "
     "guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,guest_csum=off"},
    {"card_always_merges",
     "of a virtual machine: host_tso4=off,guest_tso4=off,guest_tso6=off,guest_ufo=off at its virtio-net device; or a "
     "card "
     "that has native XDP"},
    {"tags_not_seen", "interfaces: [{}] in place of {}, or cards that have native XDP"},
    // lbd itself
    {"not_running", "is it running? lbd run -c FILE"},
    {"not_permitted", "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"},
    {"not_permitted_socket", "run as root, or with CAP_NET_RAW"},
    {"not_permitted_tracing", "run as root; not every kernel lets BPF programs be traced"},
    {"other_version_runs", "lbd stop --detach, then start: all flows are forgotten"},
    {"maps_full", "restart lbd: it then forgets backends that are gone and have no flows"},
    {"offloads_unreadable", "rm {}: the offloads that it says were on then stay off"},
    {"drains_unreadable", "rm {}: what it says to drain is then active"},
    {"sender_unknown", "--balancer ADDRESS"},
    {"capture_compressed", "{} {} | lbd explain --pcap -"},
});

/// Of one of them: else it does not compile.
consteval std::string_view cure_of(std::string_view name) { return std::ranges::find(cures, name, &Cure::of)->text; }

}  // namespace culvert::lbd
