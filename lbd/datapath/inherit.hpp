// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/fd.hpp"
#include "lbd/datapath/build.hpp"
#include "lbd/datapath/pins.hpp"
#include "netlink/result.hpp"

struct bpf_map;
struct bpf_object;
struct lb_bpf;

/// The maps that a program leaves to the next one.
namespace culvert::lbd {

using common::Fd;

/// The parameters of the pinned program. EPROTO if its maps have another format.
[[nodiscard]] netlink::Result<Build> read_build(const Generation& generation);

/// A map of the former program that the new one does not share, as it needs another size.
struct Replaced {
    const bpf_map* map;  ///< the new program's map
    Fd former;
};

/// Call before the new program is loaded. Gives it the former program's maps that fit.
[[nodiscard]] netlink::Result<std::vector<Replaced>> share_maps(const lb_bpf& skeleton, const Generation& generation);
/// Call after loading. Puts the shared `.bss` where `skeleton.bss` points: libbpf 1.5 and later leave a private copy of
/// the initial values there.
[[nodiscard]] netlink::Result<> map_state(const lb_bpf& skeleton);
/// Call after map_state(). Fills the maps that did not fit. The flow table is copied separately: see copy_flows().
/// `abi`: the former program's ABI version.
[[nodiscard]] netlink::Result<> copy_maps(const lb_bpf& skeleton, const std::vector<Replaced>& replaced,
                                          std::uint32_t abi);

/// Pins the maps, then the program.
[[nodiscard]] netlink::Result<> pin(const lb_bpf& skeleton, const Generation& generation);

/// The capacity of an open map.
[[nodiscard]] netlink::Result<std::uint32_t> max_entries(int fd);

}  // namespace culvert::lbd
