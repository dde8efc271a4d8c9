// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <optional>

#include "tests/packet/maps.hpp"
#include "tests/packet/packet.hpp"

namespace culvert::packet {

/// What the program sends when it is given a frame, by BPF_PROG_TEST_RUN; nothing if it does not send it by the same
/// interface.
inline std::optional<Bytes> transmitted(int program, const Bytes& frame) {
    Bytes out(frame.size() + 256);
    bpf_test_run_opts run{};
    run.sz = sizeof run;
    run.data_in = frame.data();
    run.data_size_in = static_cast<std::uint32_t>(frame.size());
    run.data_out = out.data();
    run.data_size_out = static_cast<std::uint32_t>(out.size());
    check(bpf_prog_test_run_opts(program, &run), "BPF_PROG_TEST_RUN");
    if (run.retval != XDP_TX) return std::nullopt;
    out.resize(run.data_size_out);
    return out;
}

}  // namespace culvert::packet
