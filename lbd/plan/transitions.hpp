// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "lbd/model/image.hpp"
#include "lbd/model/service.hpp"
#include "lbd/plan/extents.hpp"
#include "lbd/plan/former_ports.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Whether packets of the protocol tell where a connection begins, so that its slots can be in transition.
[[nodiscard]] inline bool has_connections(Protocol protocol) { return protocol != Protocol::udp; }

/// enum lb_service_flag of a service's ports of one protocol, as far as they concern its flows.
[[nodiscard]] std::uint32_t tracking(const Service& service, Protocol protocol);

/// A service as it was before a change, with the ids that it had.
struct Former {
    const ServiceIds* ids;
    const Service* service = nullptr;  ///< null: only the names of its backends are known
};
/// By the base of the ids.
using Formers = std::map<std::uint32_t, Former>;

/// What an image was before a change.
struct Before {
    const Image& image;                        ///< with the ids under their present names
    const std::map<VipKey, lb_service>& vips;  ///< of the services that change
    const Formers& formers;
};

/// Which ports have slots in transition when a plan is in force, and where these are in the map. Packets of a port may
/// have been another service's: see FormerPorts.
class Transitions {
  public:
    /// What `before` refers to must outlive this.
    Transitions(const Before& before, std::uint32_t limit)
        : before_(before), ports_(before.image, before.vips), limit_(limit) {}

    /// The first line for a port of a service, of which `image` has all else; 0: all its slots are settled. Enters it
    /// in `image`. Call for all ports of a service in a row.
    [[nodiscard]] netlink::Result<std::uint32_t> follow(const Service& service, const VipKey& port, TablePlace table,
                                                        Image& image);

  private:
    [[nodiscard]] netlink::Result<std::uint32_t> follow(const Service& service, const lb_service& was, TablePlace table,
                                                        Image& image);
    [[nodiscard]] netlink::Result<std::uint32_t> place(TableChange change, bool sticky, Image& image);
    [[nodiscard]] std::uint32_t use(std::uint32_t line, Transition transition, Image& image);

    const Before& before_;
    FormerPorts ports_;
    std::uint32_t limit_;
    std::optional<Extents> room_;  // made on demand
    std::map<std::pair<TableChange, bool>, std::uint32_t> placed_;
    const Service* service_ = nullptr;                            // the last one
    std::set<std::uint32_t> used_;                                // its lines
    std::vector<std::pair<lb_service, std::uint32_t>> followed_;  // and what they follow
};

/// Gives these services a transition of their own in the image, in which no slot is that was not in transition before.
/// `present`: the image in force, whose lines packets may read yet.
/// It replaces `shared`, another transition or 0, at those of their ports that have the table. `slots`: how many it
/// has, if it replaces none. Returns its line. ENOSPC if the map has no room; then nothing has changed. `limit`: lines
/// of the map.
[[nodiscard]] netlink::Result<std::uint32_t> begin_transition(const std::vector<const Service*>& services,
                                                              const TablePlace& table, std::uint32_t shared,
                                                              std::uint32_t slots, std::uint32_t limit,
                                                              const Image& present, Image& image);

}  // namespace culvert::lbd
