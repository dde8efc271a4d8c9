// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lbd/announce/standing.hpp"
#include "lbd/model/announcement.hpp"
#include "lbd/model/config.hpp"

namespace culvert::lbd {

/// What decides about announcements beside the services.
struct AnnounceWish {
    bool left = false;   ///< lbd leave: nothing is announced
    bool joined = true;  ///< false: what is not announced yet waits
};

/// Decides which VIPs are announced. A VIP appears when its services have been up for `hold`, and disappears at once
/// when they are down. Services that are not checked yet change nothing. Pure: times are passed in.
class AnnouncePlan {
  public:
    using Time = std::chrono::steady_clock::time_point;

    /// These VIPs are announced already: an earlier lbd did it.
    void adopt(const std::set<Vip>& announced, Time now);

    /// The announcements by the configuration, in its order, each VIP once. Call it again at due().
    void follow(const Config& config, const Standings& standings, const AnnounceWish& wish, Time now);

    [[nodiscard]] std::vector<Announcement> announcements(Time now) const;
    /// When the next VIP appears, if nothing changes until then.
    [[nodiscard]] std::optional<Time> due() const;

    struct Change {
        Vip vip;
        bool announced = false;
        std::string why;
        bool operator==(const Change&) const = default;
    };
    /// What the last follow() changed.
    [[nodiscard]] const std::vector<Change>& changes() const { return changes_; }

  private:
    struct Known {
        AnnounceState state = AnnounceState::down;
        Time since;
        std::optional<Time> up_since;
        std::optional<Time> due;
        std::uint32_t metric = usual_metric;
        std::vector<Announcement::Part> parts;
    };

    void decide(Known& known, const Announce& how, bool wanted, const AnnounceWish& wish, Time now) const;

    std::map<Vip, Known> known_;
    std::vector<Vip> order_;
    std::vector<Change> changes_;
};

}  // namespace culvert::lbd
