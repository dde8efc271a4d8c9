// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "bpf/abi.h"
#include "common/slow_call.hpp"
#include "lbd/datapath/mapped_array.hpp"
#include "lbd/datapath/settler.hpp"
#include "lbd/datapath/transition_map.hpp"
#include "lbd/datapath/vip_table.hpp"
#include "lbd/model/edits.hpp"
#include "lbd/model/image.hpp"
#include "netlink/result.hpp"

struct lb_bpf;  // the skeleton that bpftool makes

namespace culvert::lbd {

/// The maps that an Image describes. They are changed completely or not at all.
class ImageMaps {
  public:
    /// `skeleton` must be loaded, and outlive this.
    [[nodiscard]] static netlink::Result<ImageMaps> open(const lb_bpf& skeleton, const common::SlowCall& slow);

    /// Reads the content of the maps.
    [[nodiscard]] netlink::Result<Image> read() const;
    /// Makes all edits in this order. If one fails, all are undone: packets are forwarded as before, and ids keep their
    /// owners.
    [[nodiscard]] netlink::Result<> apply(const std::vector<Edit>& edits);
    /// Call when another process or object has edited the maps.
    void reread();

    /// The table that begins at this line.
    [[nodiscard]] std::span<const std::uint16_t> ring(std::uint32_t line, std::uint32_t size) const;
    /// The slots in transition that begin at this line.
    [[nodiscard]] TransitionLines transition(std::uint32_t line) const;

  private:
    struct Memory {
        MappedArray<lb_vip4_line> vips4;
        MappedArray<lb_vip6_line> vips6;
        MappedArray<lb_ring_line> rings;
        MappedArray<lb_transition_line> transitions;
        MappedArray<lb_dest> dests;
    };
    struct Done;

    ImageMaps(const lb_bpf& skeleton, Settler settler, Memory memory)
        : skeleton_(&skeleton), settler_(std::move(settler)), memory_(std::move(memory)) {}

    [[nodiscard]] netlink::Result<> run(const SetOwner& edit, Done& done);
    [[nodiscard]] netlink::Result<> run(const RemoveOwner& edit, Done& done);
    [[nodiscard]] netlink::Result<> run(const SetDest& edit, Done& done);
    [[nodiscard]] netlink::Result<> run(const WriteRing& edit, Done& done);
    [[nodiscard]] netlink::Result<> run(const WriteTransition& edit, Done& done);
    [[nodiscard]] netlink::Result<> run(const KeepTimes& edit, Done& done);
    [[nodiscard]] netlink::Result<> run(const SetVips& edit, Done& done);
    [[nodiscard]] netlink::Result<> run(const Settle& edit, Done& done);
    void note_owner(std::uint32_t id, Done& done) const;
    void take_back(const Done& done);

    /// The VIPs in one half of their tables.
    [[nodiscard]] std::set<Vip> vips_of(std::uint32_t half) const;
    void write_filters(std::uint32_t half);
    [[nodiscard]] netlink::Result<> enter_prefixes(const std::set<Vip>& wanted);
    void remove_unused_prefixes();

    const lb_bpf* skeleton_;
    Settler settler_;
    Memory memory_;
    std::set<Vip> prefixes_;  // those that are in the tries
    VipHalves<lb_vip4_line> vips4_;
    VipHalves<lb_vip6_line> vips6_;
};

}  // namespace culvert::lbd
