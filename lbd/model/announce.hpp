// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

/// How VIPs are announced: by routes in a table of the kernel, from which a routing daemon takes them.
namespace culvert::lbd {

/// The metric of routes by default. Rendered filters take a higher one for "only if nobody else announces the VIP".
inline constexpr std::uint32_t usual_metric = 100;

/// Which services of a VIP must be up.
enum class AnnounceWhen : std::uint8_t { any, all };

struct Announce {
    static constexpr std::uint32_t main_table = 254;  ///< RT_TABLE_MAIN of linux/rtnetlink.h

    std::uint32_t table = 186;
    std::uint8_t protocol = 114;  ///< marks lbd's routes, as rtm_protocol
    std::chrono::milliseconds hold{3'000};
    AnnounceWhen when = AnnounceWhen::any;
    bool operator==(const Announce&) const = default;
};

/// The same for all services of a VIP.
struct ServiceAnnounce {
    bool wanted = true;
    std::uint32_t metric = usual_metric;
    bool operator==(const ServiceAnnounce&) const = default;
};

/// Who else writes routes with this protocol number, or empty. Sources: linux/rtnetlink.h, /etc/iproute2/rt_protos.
[[nodiscard]] constexpr std::string_view user_of_protocol(std::uint64_t protocol) {
    struct User {
        std::uint8_t first;
        std::uint8_t last;
        std::string_view name;
    };
    constexpr auto users = std::to_array<User>({
        {0, 4, "the kernel and administrators"},
        {8, 8, "gated"},
        {9, 9, "the kernel, for router advertisements"},
        {10, 10, "mrt"},
        {11, 11, "zebra of FRR"},
        {12, 12, "BIRD"},
        {13, 13, "dnrouted"},
        {14, 14, "xorp"},
        {15, 15, "netsukuku"},
        {16, 16, "DHCP clients"},
        {17, 17, "mrouted"},
        {18, 18, "keepalived"},
        {42, 42, "babeld"},
        {99, 99, "Open/R"},
        {186, 189, "FRR"},
        {191, 198, "FRR"},
    });
    const auto* user =
        std::ranges::find_if(users, [&](const User& one) { return one.first <= protocol && protocol <= one.last; });
    return user == users.end() ? std::string_view() : user->name;
}

}  // namespace culvert::lbd
