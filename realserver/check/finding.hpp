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

/// All that check can find. Each has its words in realserver(8), and a test between hosts in which its cure is carried
/// out: tests/unit/realserver/findings says so.
inline constexpr auto finding_names = std::to_array<std::string_view>({
    // what apply sets
    "device_differs",
    "device_down",
    "device_missing",
    "device_taken",
    "device_wrong_mode",
    "fallback_device_absent",
    "left_over",
    "module_missing",
    "module_not_loaded",
    "nf_tables_missing",
    "port_differs",
    "port_missing",
    "port_taken",
    "rules_differ",
    "rules_missing",
    "sysctl_reset",
    "vip_missing",
    "vip_takes_others",
    "xdp_differs",
    "xdp_missing",
    "no_device_for_xdp",
    // where packets come in
    "device_in_vrf",
    "answers_no_arp",
    "no_carrier",
    "request_refused",
    "ipv6_disabled",
    "rp_filter_drops",
    "device_takes_packets",
    "tunnel_not_listed",
    "mtu_too_small",
    // whose VIPs they are
    "arp_announces_vip",
    "arp_answers_vip",
    "proxy_answers_vip",
    "vip_on_device",
    // who answers, and which way
    "gateway_silent",
    "network_is_local",
    "no_route_back",
    "no_route_to_balancer",
    "nobody_listens",
    // rules of others
    "firewall_drops_answer",
    "firewall_drops_request",
    "firewall_drops_tunnel",
    "firewall_unread",
    "invalid_dropped",
    "legacy_rules_drop",
    "rule_rewrites",
});

/// One of finding_names: else it does not compile.
struct FindingName {
    std::string_view text{};

    FindingName() = default;
    consteval FindingName(const char* name)  // NOLINT(google-explicit-constructor): a name is written as it is
        : text(*std::ranges::find(finding_names, std::string_view(name))) {}

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
    std::vector<std::string> evidence;  ///< what was seen, and where
    std::vector<std::string> cure{};    ///< commands for a shell, one after the other; may be empty if there is advice
    std::string advice{};               ///< what helps and is no command, or what else does
    bool operator==(const Finding&) const = default;

    [[nodiscard]] std::string command() const;  ///< the cure in one line
};

struct Diagnosis {
    std::vector<Finding> findings;
    std::size_t checked = 0;  ///< preconditions

    /// One more precondition.
    void require(bool met, const Finding& otherwise);

    /// Cures become what is to be typed where realserver was called with other options than the usual: `config` is a
    /// file, `netns` a name or a path; empty: the usual.
    void write_cures_for(std::string_view config, std::string_view netns);
};

}  // namespace culvert::realserver
