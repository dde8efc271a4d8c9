// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <utility>

#include "netlink/result.hpp"

/// Results of what cannot fail in a test that makes sense. An error is thrown.
namespace culvert::packet {

template <typename T>
T value(netlink::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message());
    return *std::move(result);
}

inline void done(const netlink::Result<>& result) {
    if (!result) throw std::runtime_error(result.error().message());
}

}  // namespace culvert::packet
