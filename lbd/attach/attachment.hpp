// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "lbd/model/config.hpp"

namespace culvert::lbd {

/// An interface that the program runs on.
struct Attachment {
    std::uint32_t ifindex = 0;
    std::string name;
    XdpMode mode = XdpMode::native;  ///< native or generic

    bool operator==(const Attachment&) const = default;
};

}  // namespace culvert::lbd
