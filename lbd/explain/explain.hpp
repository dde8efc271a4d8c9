// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "lbd/model/config.hpp"
#include "lbd/model/fate.hpp"
#include "lbd/model/image.hpp"

/// `lbd explain`: what the balancer would do with a packet, and why.
namespace culvert::lbd {

/// What the fate of a packet refers to.
struct Scene {
    const Config& config;
    const Image& image;
    std::map<std::uint32_t, std::string> interfaces;  ///< names by index, of those that are balanced on
};

/// How much of a frame was there when the program was asked; by default all.
struct Excerpt {
    std::size_t captured = 0;  ///< bytes that were known; the others were zero
    std::size_t length = 0;    ///< of the whole frame
    std::size_t missing = 0;   ///< that the IP packet was too short by
    std::size_t mtu = 0;       ///< of the interface that it comes by
};

/// Keys, of which those are left out that the packet had nothing to do with:
///
///     packet     interface, bytes, captured (if that is less), text; hex, of the first Fate::longest bytes
///     service    name, vip
///     flow       hash, bucket, known (the flow table has it), gone (for one that is no more, down, or not needed)
///     table      entries, entry: of the Maglev table, where it was asked
///     backend    name, address, encap {}, destination (id), longest (bytes of IP packet that may go in)
///     verdict    sent | answered | dropped | passed | unknown
///     reason, reason_text      of what is dropped, or answered by an ICMP error
///     event, event_text        of what is answered
///     passed_text              why it is none of the balancer's business
///     unknown_text             why the program could not be asked
///     out        interface, bytes, parts []: name, hex
[[nodiscard]] nlohmann::ordered_json explain(std::span<const std::uint8_t> frame, std::uint32_t ifindex,
                                             const Fate& fate, const Scene& scene,
                                             const std::optional<Excerpt>& excerpt = {});

/// The same of a frame that the program can't be asked about. `interface`: by which it comes; empty: not known.
[[nodiscard]] nlohmann::ordered_json unexplained(std::span<const std::uint8_t> front, std::size_t length,
                                                 const std::string& interface, const std::string& why);

/// That as a story, a line a step.
[[nodiscard]] std::string to_story(const nlohmann::ordered_json& explanation, bool colored);

}  // namespace culvert::lbd
