// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/rehearsal.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "common/libbpf_log.hpp"
#include "lb.skel.h"
#include "lbd/datapath/datapath.hpp"

namespace culvert::lbd {
namespace {

using common::LibbpfLog;
using netlink::failure;
using netlink::Result;

constexpr std::size_t most_added = 256;  // room for an outer header, or for the head of an ICMP error

bool counts(const bpf_map* map) {
    constexpr std::array<std::string_view, 4> counters{"reasons", "events", "dest_counters", "icmp_budgets"};
    return std::ranges::count(counters, ::bpf_map__name(map)) > 0;
}

Result<> share_maps(const lb_bpf& live, lb_bpf& second) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, second.obj) {
        if (::bpf_map__is_internal(map) || counts(map)) continue;
        const bpf_map* theirs = ::bpf_object__find_map_by_name(live.obj, ::bpf_map__name(map));
        if (theirs == nullptr || ::bpf_map__reuse_fd(map, ::bpf_map__fd(theirs)) < 0)
            return failure("share BPF map", ::bpf_map__name(map), errno);
    }
    // One counter for all CPUs is enough, as packets come one at a time.
    ::bpf_map__set_type(second.maps.reasons, BPF_MAP_TYPE_ARRAY);
    ::bpf_map__set_type(second.maps.events, BPF_MAP_TYPE_ARRAY);
    return {};
}

Result<> clear(const bpf_map* map) {
    const std::uint64_t zero = 0;
    for (std::uint32_t key = 0; key < ::bpf_map__max_entries(map); ++key)
        if (::bpf_map_update_elem(::bpf_map__fd(map), &key, &zero, BPF_ANY) < 0)
            return failure("clear BPF map", ::bpf_map__name(map), errno);
    return {};
}

/// The first reason or event with a count.
template <typename Counted>
std::optional<Counted> counted(const bpf_map* map) {
    for (std::uint32_t key = 0; key < ::bpf_map__max_entries(map); ++key) {
        std::uint64_t count = 0;
        if (::bpf_map_lookup_elem(::bpf_map__fd(map), &key, &count) == 0 && count > 0) return static_cast<Counted>(key);
    }
    return std::nullopt;
}

}  // namespace

void Rehearsal::Unload::operator()(lb_bpf* skeleton) const { lb_bpf::destroy(skeleton); }

Result<Rehearsal> Rehearsal::load(const lb_bpf& live) {
    const LibbpfLog log;
    Skeleton second(lb_bpf::open());
    if (!second) return failure("open", "the BPF program", errno, LibbpfLog::tail());
    second->rodata->config = live.rodata->config;
    second->rodata->config.dry_run = 1;
    second->rodata->config.latency = 0;
    CHECK_OK(share_maps(live, *second));
    if (const int error = lb_bpf::load(second.get()); error < 0)
        return failure("load", "the BPF program a second time", -error, LibbpfLog::tail());
    return Rehearsal(live, std::move(second));
}

Result<Rehearsal> Datapath::rehearse() const { return Rehearsal::load(*skeleton_); }

Result<Fate> Rehearsal::run(std::span<const std::uint8_t> frame, std::uint32_t ifindex) {
    if (frame.size() < Fate::shortest || frame.size() > Fate::longest)
        return failure("run the program on", fmt::format("{} bytes", frame.size()), EINVAL,
                       fmt::format("a frame has {} to {}", Fate::shortest, Fate::longest));
    CHECK_OK(clear(skeleton_->maps.reasons));
    CHECK_OK(clear(skeleton_->maps.events));
    skeleton_->bss->vips_half = live_->bss->vips_half;
    std::ranges::copy(live_->bss->filters4, skeleton_->bss->filters4);
    std::ranges::copy(live_->bss->filters6, skeleton_->bss->filters6);
    skeleton_->bss->sample_mask = live_->bss->sample_mask;
    skeleton_->bss->flow_part = live_->bss->flow_part;
    skeleton_->bss->story = {};
    const lb_own& own = skeleton_->data_own->own = live_->data_own->own;

    Fate fate;
    fate.frame.resize(frame.size() + most_added);
    xdp_md context{};
    context.data_end = static_cast<std::uint32_t>(frame.size());
    context.ingress_ifindex = ifindex;
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = context.data_end;
    options.data_out = fate.frame.data();
    options.data_size_out = static_cast<std::uint32_t>(fate.frame.size());
    options.ctx_in = &context;
    options.ctx_size_in = sizeof context;
    if (::bpf_prog_test_run_opts(::bpf_program__fd(skeleton_->progs.lb), &options) < 0)
        return failure("run the program on", fmt::format("a frame of interface {}", ifindex), errno);
    fate.verdict = options.retval;
    fate.frame.resize(options.data_size_out);
    fate.reason = counted<lb_reason>(skeleton_->maps.reasons);
    fate.event = counted<lb_event>(skeleton_->maps.events);
    fate.story = skeleton_->bss->story;
    fate.addressee = addressee(own, frame, ifindex, live_->rodata->config.redirect != 0);
    return fate;
}

}  // namespace culvert::lbd
