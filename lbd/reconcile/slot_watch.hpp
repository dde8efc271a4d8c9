// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "lbd/datapath/flow_clock.hpp"
#include "lbd/datapath/flow_table.hpp"
#include "lbd/datapath/image_maps.hpp"
#include "lbd/model/image.hpp"
#include "lbd/model/services.hpp"

namespace culvert::lbd {

/// Whether the slots of a service must stay in transition: other balancers have another table for it. Without a function,
/// there are no others.
using IsHeld = std::function<bool(const std::string& service)>;

/// Finds out which slots in transition still have flows that need it, during one round of the sweep. Nothing of the
/// image may change meanwhile, but a slot may end its transition.
class SlotWatch {
  public:
    SlotWatch() = default;
    /// `begun`: the time now, in units of FlowClock.
    SlotWatch(const Image& image, const Services& services, const FlowClock& clock, std::uint16_t begun);

    [[nodiscard]] bool empty() const { return watched_.empty(); }
    /// Call for each entry of the flow table.
    void see(const Flow& flow, const ImageMaps& maps);
    /// After the round: ends the transition of slots that nobody needs. Returns the transitions of which none is left,
    /// without a change to them. Who used a former backend since the round began may have an entry that was not seen.
    /// Looks at `most` slots or a few more, and goes on with the next call: see is_settled(). Slots of services that
    /// are `held` stay as they are.
    [[nodiscard]] std::vector<std::uint32_t> settle(const ImageMaps& maps, std::size_t most = SIZE_MAX,
                                                    const IsHeld& held = {});
    [[nodiscard]] bool is_settled() const { return settled_ == watched_.size(); }

  private:
    struct Watched {
        std::uint32_t line = 0;
        std::uint32_t slots = 0;
        TablePlace table;
        bool sticky = false;     ///< each flow has an entry, which decides: nothing depends on the table
        std::uint16_t idle = 0;  ///< the longest of the services, in units of FlowClock
        std::vector<bool> awaited;
        std::vector<std::string> services;

        /// The slots of a table of another size, or of another hash, end together.
        [[nodiscard]] bool whole() const { return sticky || table.size != slots; }
    };
    /// What a destination id is to a service that is watched.
    struct Place {
        std::uint32_t service = 0;  ///< index + 1 in of_services_; 0: none
        std::uint16_t value = LB_NO_FORMER;
    };

    using ByVip = std::map<Vip, std::vector<const Service*>>;

    void watch(const Service& service, const Image& image, std::uint16_t idle);
    /// Entries that name another service's backends may be of connections that are this one's now.
    void watch_others(const Service& service, const Image& image, const ByVip& services);
    void await(const Place& place, const Flow& flow, const ImageMaps& maps);

    std::uint16_t begun_ = 0;
    std::vector<Watched> watched_;
    std::size_t settled_ = 0;                            // of these, in this round
    std::vector<std::vector<std::size_t>> of_services_;  // of each service, indexes in watched_
    std::vector<Place> by_dest_;
    std::unordered_map<std::uint32_t, std::vector<Place>> of_others_;  // by destination
};

/// The destinations of which the flow table has a sample of the flows.
[[nodiscard]] std::vector<bool> sampled_dests(const Services& services, const Ids& ids);
/// How long such flows may be silent, and still live.
[[nodiscard]] std::chrono::milliseconds sampled_idle(const Services& services);

}  // namespace culvert::lbd
