// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace culvert::netlink {

/// Releases what a C library allocated: `std::unique_ptr<nl_msg, ReleasedBy<nlmsg_free>>`.
template <auto release>
struct ReleasedBy {
    template <typename T>
    void operator()(T* object) const {
        release(object);
    }
};

template <typename T, auto release>
using Handle = std::unique_ptr<T, ReleasedBy<release>>;

}  // namespace culvert::netlink
