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

namespace culvert::lbd {

bool is_left(const lb_dest_body& body) { return body.action == LB_ACTION_NONE || (body.flags & LB_DEST_LEFT) != 0; }

bool is_left(const Image& image, std::uint32_t dest) {
    const auto body = image.dests.find(dest);
    return body == image.dests.end() || is_left(body->second);
}

}  // namespace culvert::lbd
