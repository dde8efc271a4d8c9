// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "lbd/config/source.hpp"

namespace culvert::lbd {

/// Where the key is if the configuration names no file.
struct OwnKey {
    enum class Use : std::uint8_t {
        none,  ///< the configuration then has no key
        look,  ///< likewise, if there is none yet; an error if it could not be made
        make,
    };
    Use use = Use::none;
    std::filesystem::path state_directory;
};

/// `source`, with the cluster's key read too, each time. A key that cannot be read is an error of the configuration.
[[nodiscard]] std::unique_ptr<ConfigSource> with_key(std::unique_ptr<ConfigSource> source, OwnKey own);

}  // namespace culvert::lbd
