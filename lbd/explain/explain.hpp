// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "lbd/datapath/rehearsal.hpp"
#include "lbd/plan/plan.hpp"
#include "lbd/state.hpp"

/// `lbd explain`: what the balancer would do with a packet, and why.
namespace culvert::lbd {

/// What the fate of a packet refers to.
struct Scene {
    const Config& config;
    const Image& image;
    std::map<std::uint32_t, std::string> interfaces;  ///< names by index, of those that are balanced on
};

/// Keys, of which those are left out that the packet had nothing to do with:
///
///     packet     interface, bytes, text; hex
///     service    name, vip
///     flow       hash, bucket, known (the flow table has it), gone (for a backend that is no more, or down)
///     table      entries, entry: of the Maglev table, where it was asked
///     backend    name, address, encap {}, destination (id), longest (bytes of IP packet that may go in)
///     verdict    sent | answered | dropped | passed
///     reason, reason_text      of what is dropped, or answered by an ICMP error
///     event, event_text        of what is answered
///     passed_text              why it is none of the balancer's business
///     out        interface, bytes, parts []: name, hex
[[nodiscard]] nlohmann::ordered_json explain(std::span<const std::uint8_t> frame, std::uint32_t ifindex,
                                             const Fate& fate, const Scene& scene);

/// That as a story, a line a step.
[[nodiscard]] std::string to_story(const nlohmann::ordered_json& explanation, bool colored);

}  // namespace culvert::lbd
