// SPDX-License-Identifier: Apache-2.0
#include "bench/packet/feeder.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "feeder.skel.h"

namespace culvert::bench {

Feeder::Feeder(const Workload& workload)
    : workload_(workload), frame_(frame(workload)), skeleton_(feeder_bpf::open_and_load()) {
    if (!skeleton_) throw std::system_error(errno, std::system_category(), "load the feeder");
    skeleton_->bss->config = feed(workload);
}

void Feeder::Destroy::operator()(feeder_bpf* skeleton) const { feeder_bpf::destroy(skeleton); }

double Feeder::run_alone(std::uint64_t packets) {
    return send(bpf_program__fd(skeleton_->progs.nothing), packets, XDP_TX);
}

double Feeder::run(const Subject& subject, std::uint64_t packets) {
    const bool passes = workload_.traffic == Traffic::other;
    const auto before = subject.counts() ? subject.forwarded() : lb_counters{};
    const std::uint64_t dropped = subject.counts() ? subject.dropped() : 0;

    const double time = send(subject.program(), packets, passes && subject.counts() ? XDP_PASS : XDP_TX);
    if (workload_.traffic != Traffic::known) skeleton_->bss->state.first += static_cast<std::uint32_t>(packets);

    if (!subject.counts()) return time;
    const auto after = subject.forwarded();
    const std::uint64_t forwarded = after.packets - before.packets;
    if (forwarded != (passes ? 0 : packets) || subject.dropped() != dropped)
        throw std::runtime_error(fmt::format("{}: of {} packets {} were forwarded and {} dropped", workload_.name,
                                             packets, forwarded, subject.dropped() - dropped));
    if (const std::uint64_t flows = after.flows - before.flows; !is_right(flows, packets, subject.tracks_each()))
        throw std::runtime_error(fmt::format("{}: {} packets were of {} new flows", workload_.name, packets, flows));
    return time;
}

/// New flows are those that were stored where each is, and otherwise those that a packet has opened.
bool Feeder::is_right(std::uint64_t new_flows, std::uint64_t packets, bool each) const {
    switch (workload_.traffic) {
        case Traffic::known:
        case Traffic::other:
            return each || new_flows == 0;
        case Traffic::fresh:
            return each ? new_flows >= packets / 100 * 95 : new_flows == 0;
        case Traffic::syn:
            return new_flows == (each ? 0 : packets);
    }
    return false;
}

double Feeder::send(int program, std::uint64_t packets, std::uint32_t verdict) {
    const std::uint32_t first = 0;
    if (bpf_map__update_elem(skeleton_->maps.measured, &first, sizeof first, &program, sizeof program, BPF_ANY) != 0)
        throw std::system_error(errno, std::system_category(), "put the program behind the feeder");
    feed_state& state = skeleton_->bss->state;
    state.sent = 0;
    state.last = packets;

    std::array<std::uint8_t, 4096> out{};
    bpf_test_run_opts run{};
    run.sz = sizeof run;
    run.data_in = frame_.data();
    run.data_size_in = static_cast<std::uint32_t>(frame_.size());
    run.data_out = out.data();
    run.data_size_out = out.size();
    run.repeat = static_cast<int>(packets);
    const int result = bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.feed), &run);
    if (result != 0) throw std::system_error(-result, std::system_category(), "BPF_PROG_TEST_RUN");
    if (run.retval != verdict || state.sent != packets)
        throw std::runtime_error(fmt::format("{}: verdict {} instead of {} after {} of {} packets", workload_.name,
                                             run.retval, verdict, state.sent, packets));
    return static_cast<double>(state.end - state.begin) / static_cast<double>(packets - 1);
}

}  // namespace culvert::bench
