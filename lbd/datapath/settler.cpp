// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/settler.hpp"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace culvert::lbd {

using netlink::failure;
using netlink::Result;

// When a map in a map of maps is replaced, the kernel waits for running programs before the call returns
// (kernel/bpf/syscall.c, maybe_wait_bpf_programs). membarrier(MEMBARRIER_CMD_GLOBAL) would wait too, but fails if CPUs
// run without a tick (nohz_full).

Result<Settler> Settler::open(common::SlowCall slow) {
    Fd inner(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "lb_settle_inner", sizeof(std::uint32_t), sizeof(std::uint32_t), 1,
                              nullptr));
    if (!inner.is_open()) return failure("create BPF map", "settle_inner", errno);
    bpf_map_create_opts options{};
    options.sz = sizeof options;
    options.inner_map_fd = static_cast<std::uint32_t>(inner.get());
    Fd outer(::bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "lb_settle", sizeof(std::uint32_t), sizeof(std::uint32_t), 1,
                              &options));
    if (!outer.is_open()) return failure("create BPF map", "settle", errno);
    return Settler(std::move(inner), std::move(outer), std::move(slow));
}

Result<> Settler::settle() const {
    const std::uint32_t key = 0;
    const int value = inner_.get();
    int error = 0;
    slow_([&] {
        if (::bpf_map_update_elem(outer_.get(), &key, &value, BPF_ANY) < 0) error = errno;
    });
    if (error != 0) return failure("wait for", "packets that are being processed", error);
    return {};
}

}  // namespace culvert::lbd
