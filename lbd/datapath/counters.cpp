// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/counters.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include "lb.skel.h"

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;

/// The values of all CPUs.
template <typename T>
Result<std::vector<T>> read_per_cpu(const bpf_map* map, std::uint32_t key) {
    std::vector<T> values(static_cast<std::size_t>(::libbpf_num_possible_cpus()));
    if (::bpf_map_lookup_elem(::bpf_map__fd(map), &key, values.data()) < 0)
        return failure("read BPF map", ::bpf_map__name(map), errno);
    return values;
}

/// The sum over all CPUs for each key.
template <std::size_t Count>
Result<std::array<std::uint64_t, Count>> read_sums(const bpf_map* map) {
    std::array<std::uint64_t, Count> sums{};
    for (std::uint32_t key = 0; key < Count; ++key) {
        TRY(const auto values, read_per_cpu<std::uint64_t>(map, key));
        for (const std::uint64_t value : values) sums[key] += value;
    }
    return sums;
}

}  // namespace

Result<std::vector<lb_counters>> Counters::dests(std::uint32_t end) const {
    constexpr std::uint32_t at_once = 1024;
    const bpf_map* const map = skeleton_.maps.dest_counters;
    const auto cpus = static_cast<std::size_t>(::libbpf_num_possible_cpus());
    std::vector<lb_counters> sums(end), values(at_once * cpus);
    std::vector<std::uint32_t> ids(at_once);
    std::uint32_t last = 0;  // key at which the former batch ended
    for (std::uint32_t first = 0; first < end;) {
        std::uint32_t count = std::min(at_once, end - first);
        if (::bpf_map_lookup_batch(::bpf_map__fd(map), first == 0 ? nullptr : &last, &last, ids.data(), values.data(),
                                   &count, nullptr) < 0)
            return failure("read BPF map", ::bpf_map__name(map), errno);
        for (std::size_t i = 0; i < count * cpus; ++i) {
            lb_counters& sum = sums[first + i / cpus];
            sum.packets += values[i].packets;
            sum.bytes += values[i].bytes;
            sum.flows += values[i].flows;
        }
        first += count;
    }
    return sums;
}

Result<ReasonCounts> Counters::reasons() const { return read_sums<LB_REASON_COUNT>(skeleton_.maps.reasons); }
Result<EventCounts> Counters::events() const { return read_sums<LB_EVENT_COUNT>(skeleton_.maps.events); }

Result<std::optional<Latency>> Counters::latency() const {
    if (skeleton_.rodata->config.latency == 0) return std::nullopt;
    TRY(const auto values, read_per_cpu<lb_latency>(skeleton_.maps.latency, 0));
    Latency sum;
    for (const lb_latency& value : values) sum += value;
    return sum;
}

}  // namespace culvert::lbd
