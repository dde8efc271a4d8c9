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

/// What explains the fate of a packet.
struct Scene {
    const Config& config;
    const Image& image;
    std::map<std::uint32_t, std::string> interfaces;  ///< names by index, of interfaces that are balanced on
    std::size_t buckets = 0;                          ///< of the flow table, that packets use; 0: all
};

/// How much of a frame the program was given; by default all.
struct Excerpt {
    std::size_t captured = 0;  ///< number of known bytes; the others were zero
    std::size_t length = 0;    ///< of the whole frame
    std::size_t missing = 0;   ///< bytes that were cut off the IP packet
    std::size_t mtu = 0;       ///< of the interface that it arrives on
};

/// Keys. Those that do not concern the packet are left out.
///
///     packet     interface, bytes, captured (if that is less), text; hex, of the first Fate::longest bytes
///     service    name, vip
///     flow       hash, bucket, known (is in the flow table), gone (its backend is gone, down, or not needed)
///     table      entries, entry: of the Maglev table, if it was used
///     backend    name, address, encap {}, destination (id), longest (IP packet that fits, bytes)
///     verdict    sent | answered | dropped | passed | unknown
///     reason, reason_text      of a packet that is dropped, or answered by an ICMP error
///     event, event_text        of a packet that is answered
///     passed_text              why the balancer passes it to the kernel
///     unknown_text             why the program could not be asked
///     out        interface, bytes, parts []: name, hex
[[nodiscard]] nlohmann::ordered_json explain(std::span<const std::uint8_t> frame, std::uint32_t ifindex,
                                             const Fate& fate, const Scene& scene,
                                             const std::optional<Excerpt>& excerpt = {});

/// Likewise for a frame that the program cannot be given. `interface`: the one it arrives on; empty: unknown.
[[nodiscard]] nlohmann::ordered_json unexplained(std::span<const std::uint8_t> front, std::size_t length,
                                                 const std::string& interface, const std::string& why);

/// The explanation as text, one line per step.
[[nodiscard]] std::string to_story(const nlohmann::ordered_json& explanation, bool colored);

}  // namespace culvert::lbd
