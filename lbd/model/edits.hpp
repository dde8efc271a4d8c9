// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <variant>
#include <vector>

#include "bpf/abi.h"
#include "lbd/model/image.hpp"

/// Changes of the BPF maps, as plain values.
namespace culvert::lbd {

/// Comes before anything that makes flows remember the id.
struct SetOwner {
    std::uint32_t id = 0;
    lb_owner owner{};
};
/// Of an id that may belong to another one from now on.
struct RemoveOwner {
    std::uint32_t id = 0;
};
struct SetDest {
    std::uint32_t id = 0;
    lb_dest_body body{};
};
/// Into lines that no service refers to.
struct WriteRing {
    std::uint32_t line = 0;
    Digest digest = 0;
    std::vector<std::uint16_t> table;
};
/// All at once.
struct SetVips {
    std::map<VipKey, lb_service> entered;  ///< or changed
    std::set<VipKey> removed;
};
/// Wait until no packet is being processed that saw what was there before.
struct Settle {};

using Edit = std::variant<SetOwner, RemoveOwner, SetDest, WriteRing, SetVips, Settle>;

}  // namespace culvert::lbd
