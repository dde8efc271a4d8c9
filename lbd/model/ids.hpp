// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

/// Destination ids: what flows remember their backend by. One backend of one service has one, from 1 on.
namespace culvert::lbd {

/// The ids of one service. New flows get ids of `[base, base + size)`, as a table holds the distance from `base` in 16
/// bits.
struct ServiceIds {
    std::uint32_t base = 0;
    std::uint32_t size = 0;  ///< a power of two
    /// The backend's name by id. Flows may also name ids of backends that are gone, and those of a block that the
    /// service has outgrown, so these stay.
    std::map<std::uint32_t, std::string> backends;

    bool operator==(const ServiceIds&) const = default;

    [[nodiscard]] bool in_block(std::uint32_t id) const { return id - base < size; }
    /// The id that new flows of the backend get.
    [[nodiscard]] std::optional<std::uint32_t> current(std::string_view backend) const;
};

/// By the service's name.
using Ids = std::map<std::string, ServiceIds>;

}  // namespace culvert::lbd
