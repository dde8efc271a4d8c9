// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/image.hpp"

#include <cstring>
#include <type_traits>

namespace {

template <typename T>
bool same_bytes(const T& a, const T& b) {
    static_assert(std::has_unique_object_representations_v<T>);
    return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace

bool operator==(const lb_owner& a, const lb_owner& b) { return same_bytes(a, b); }
bool operator==(const lb_service& a, const lb_service& b) { return same_bytes(a, b); }
bool operator==(const lb_dest_body& a, const lb_dest_body& b) { return same_bytes(a, b); }
