// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

/// Destination ids, which flows store to remember their backend. Each backend of each service has one, from 1 on.
namespace culvert::lbd {

/// The ids of one service. New flows get ids in `[base, base + size)`, as a table stores the offset from `base` in 16
/// bits.
struct ServiceIds {
    std::uint32_t base = 0;
    std::uint32_t size = 0;  ///< a power of two
    /// Name of the backend of each id. Flows may still have ids of backends that are gone, or of a block that the
    /// service has outgrown, so these stay here.
    std::map<std::uint32_t, std::string> backends;

    bool operator==(const ServiceIds&) const = default;

    [[nodiscard]] bool in_block(std::uint32_t id) const { return id - base < size; }
    /// The id that new flows to the backend get.
    [[nodiscard]] std::optional<std::uint32_t> current(std::string_view backend) const;
};

/// Indexed by the name of the service.
using Ids = std::map<std::string, ServiceIds>;

}  // namespace culvert::lbd
