// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <variant>
#include <vector>

#include "bpf/abi.h"
#include "lbd/model/image.hpp"
#include "lbd/model/slots.hpp"

/// Changes of the BPF maps, as plain values.
namespace culvert::lbd {

/// Comes before any edit that lets flows store the id.
struct SetOwner {
    std::uint32_t id = 0;
    lb_owner owner{};
};
/// The id may belong to another backend afterwards.
struct RemoveOwner {
    std::uint32_t id = 0;
};
struct SetDest {
    std::uint32_t id = 0;
    lb_dest_body body{};
};
/// Writes to lines that no service refers to.
struct WriteRing {
    std::uint32_t line = 0;
    Digest digest = 0;
    std::vector<std::uint16_t> table;
};
/// Likewise.
struct WriteTransition {
    std::uint32_t line = 0;
    Slots slots;
};
/// Takes over later times of use of slots that are in transition in both. Packets used `from` until now.
struct KeepTimes {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
};
/// All of them at once.
struct SetVips {
    std::map<VipKey, lb_service> entered;  ///< or changed
    std::set<VipKey> removed;
};
/// Waits until no packet is processed that saw the state before.
struct Settle {};

using Edit = std::variant<SetOwner, RemoveOwner, SetDest, WriteRing, WriteTransition, KeepTimes, SetVips, Settle>;

}  // namespace culvert::lbd
