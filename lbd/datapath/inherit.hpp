// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "common/fd.hpp"
#include "lbd/datapath/build.hpp"
#include "lbd/datapath/pins.hpp"
#include "netlink/result.hpp"

struct bpf_map;
struct bpf_object;
struct lb_bpf;

/// The maps that one program leaves to the next.
namespace culvert::lbd {

using common::Fd;

/// What the pinned program was built to. EPROTO if its maps are not of our shape.
[[nodiscard]] netlink::Result<Build> read_build(const Generation& generation);

/// A map of the program before, which the new one does not share, as another size is wanted.
struct Replaced {
    const bpf_map* map;  ///< in its place
    Fd former;
};

/// Before the new program is loaded: gives it the maps that fit.
[[nodiscard]] netlink::Result<std::vector<Replaced>> share_maps(const lb_bpf& skeleton, const Generation& generation);
/// After it: puts the shared `.bss` where `skeleton.bss` points. Since 1.5 libbpf leaves a private copy of the initial values there.
[[nodiscard]] netlink::Result<> map_state(const lb_bpf& skeleton);
/// Then: fills those that did not fit. The flow table is copied by itself: see copy_flows().
[[nodiscard]] netlink::Result<> copy_maps(const lb_bpf& skeleton, const std::vector<Replaced>& replaced);

/// The program is the last.
[[nodiscard]] netlink::Result<> pin(const lb_bpf& skeleton, const Generation& generation);

/// Of a map that is open.
[[nodiscard]] netlink::Result<std::uint32_t> max_entries(int fd);

}  // namespace culvert::lbd
