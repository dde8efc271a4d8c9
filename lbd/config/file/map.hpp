// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <string_view>
#include <utility>

#include "common/scalars.hpp"
#include "common/yaml.hpp"
#include "lbd/config/file/keys.hpp"

namespace culvert::lbd {

/// A map in lbd.yaml, which is read by keys of a table.
class Map : private common::yaml::MapReader {
  public:
    using MapReader::finish;
    using MapReader::MapReader;

    [[nodiscard]] auto find(const Key& key) { return MapReader::find(key.name); }

    template <typename Reader, typename T>
    bool optional(const Key& key, Reader&& read, T& target) {
        return MapReader::optional(key.name, std::forward<Reader>(read), target);
    }
    template <typename Reader, typename T>
    bool required(const Key& key, Reader&& read, T& target, std::string_view example) {
        return MapReader::required(key.name, std::forward<Reader>(read), target, example);
    }
};

/// A reader of a number within the key's limits.
template <std::unsigned_integral T>
[[nodiscard]] auto number(const Key& key, std::string_view noun) {
    return common::yaml::number<T>(noun, static_cast<T>(key.least), static_cast<T>(key.most));
}

/// A reader of a duration within the key's limits.
[[nodiscard]] inline auto duration(const Key& key, std::string_view noun) {
    return common::yaml::duration(noun, std::chrono::milliseconds(key.least), std::chrono::milliseconds(key.most));
}

}  // namespace culvert::lbd
