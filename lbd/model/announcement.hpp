// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lbd/model/announce.hpp"
#include "lbd/model/check_status.hpp"
#include "lbd/model/service.hpp"

/// Which VIPs are announced, and why the others are not. Values only.
namespace culvert::lbd {

/// Why a VIP is announced or not. They are array indices.
enum class AnnounceState : std::uint8_t { up, held, unchecked, joining, down, left, excluded };

struct AnnounceStateText {
    std::string_view name;
    std::string_view text;
};
inline constexpr auto announce_states = std::to_array<AnnounceStateText>({
    {"up", "its services are up"},
    {"held", "its services are up, but not yet for the time of announce: hold"},
    {"unchecked", "its services have not been checked yet"},
    {"joining", "this balancer has not joined its cluster yet"},
    {"down", "its services are down"},
    {"left", "lbd leave"},
    {"excluded", "announce: no"},
});
[[nodiscard]] constexpr const AnnounceStateText& words_of(AnnounceState state) {
    return announce_states.at(static_cast<std::size_t>(state));
}

/// What is decided about a VIP, and what the kernel has.
struct Announcement {
    struct Part {
        std::string service;
        Condition condition = Condition::unknown;
        bool operator==(const Part&) const = default;
    };

    Vip vip;
    std::uint32_t metric = usual_metric;
    AnnounceState state = AnnounceState::down;
    std::chrono::milliseconds age{};                ///< how long it has had this state
    std::optional<std::chrono::milliseconds> wait;  ///< held: until it is announced
    std::vector<Part> parts;                        ///< its services, in the order of the configuration
    bool announced = false;                         ///< the kernel has the route
};

struct AnnouncementsStatus {
    std::optional<Announce> configured;  ///< absent: nothing is announced
    bool left = false;                   ///< lbd leave
    std::vector<Announcement> vips;
};

}  // namespace culvert::lbd
