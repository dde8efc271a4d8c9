// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lbd/datapath/flow_map.hpp"
#include "lbd/datapath/flow_moves.hpp"
#include "lbd/datapath/image_maps.hpp"
#include "lbd/exchange/outgoing.hpp"
#include "lbd/exchange/preference.hpp"
#include "lbd/model/exceptions.hpp"
#include "lbd/model/health.hpp"
#include "lbd/model/image.hpp"
#include "lbd/model/services.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// What is in force on this balancer: configured services, and the content of the maps.
struct InForce {
    const Services& services;
    const Health& health;
    const Image& image;
    const ImageMaps& maps;
};

/// Slots that are to be in transition, or were used later, as another balancer says.
struct SlotsToBegin {
    std::vector<const Service*> services;
    TablePlace table;
    std::uint32_t line = 0;    ///< of their transition; 0: they have none
    bool begin = false;        ///< the slots are not in transition now
    bool needs_line = false;   ///< none of their own: other services use it, too
    std::uint32_t number = 0;  ///< of the slots of a new one
    std::vector<MovingSlot> slots;
};

/// Takes in what other balancers tell.
class Incoming {
  public:
    void take(Exceptions exceptions) { taken_.push_back(std::move(exceptions)); }
    [[nodiscard]] bool empty() const { return waiting() == 0 && entered_.empty(); }
    /// The number of messages that are not taken in yet.
    [[nodiscard]] std::size_t waiting() const { return taken_.size() + batch_.size(); }
    /// Call after each plan. What named unknown services and backends is taken again.
    void follow();

    /// Enters flows of some of the messages into the table.
    [[nodiscard]] netlink::Result<> enter_flows(const InForce& own, FlowMap& flows, Outgoing& outgoing);
    /// Enters flows again that a packet has overwritten, as it did not see them. Call before flows are told, and later
    /// even if nothing was taken.
    [[nodiscard]] netlink::Result<> enter_again(const Image& image, FlowMap& flows, Outgoing& outgoing);
    /// The slots that these messages name. `joins`: this balancer has forwarded nothing until now, so connections are
    /// where the others have them. Otherwise its own that are not recorded stay where they are. Then they are taken in.
    /// `now`: in units of FlowClock.
    [[nodiscard]] std::vector<SlotsToBegin> slots(const InForce& own, const FlowClock& clock, std::uint16_t now,
                                                  bool joins);

  private:
    struct Told {
        ForeignEntry entry;
        Choice choice;
    };
    struct InTable {
        std::size_t place = 0;
        std::uint64_t own = 0;  // the entry that it has replaced; 0: none
        Choice choice;          // of that
        Told told;
    };
    /// Present destination ids by the name of the backend.
    using Backends = std::map<std::string, std::uint32_t, std::less<>>;

    [[nodiscard]] const Backends* backends_of(const std::string& service, const Image& image);
    [[nodiscard]] const Service* service_of(const std::string& name, const Services& services);
    /// The name of a destination's backend.
    [[nodiscard]] std::string_view backend_of(std::uint32_t dest, const Image& image);
    [[nodiscard]] Preference compare(std::uint64_t own, Choice choice, const Told& told, const Image& image,
                                     std::uint16_t now);
    void enter(const Told& told, const Image& image, std::uint16_t now, FlowMap& flows, Outgoing& outgoing);

    /// For later: nothing is configured here that it names.
    void keep(Exceptions exceptions);

    std::deque<Exceptions> taken_;
    std::vector<Exceptions> batch_;  // of these, that are being taken in
    struct Kept {
        Exceptions exceptions;
        std::chrono::steady_clock::time_point since;
    };
    std::deque<Kept> kept_;                                          // other balancers may have been reloaded earlier
    std::size_t kept_size_ = 0;                                      // bytes
    std::vector<InTable> entered_;                                   // by the last call
    std::vector<std::string> names_;                                 // by destination id; made on demand
    std::map<std::string, Backends> backends_;                       // by service; likewise
    std::unordered_map<std::string_view, const Service*> services_;  // likewise
};

}  // namespace culvert::lbd
