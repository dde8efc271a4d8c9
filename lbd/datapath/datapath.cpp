// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/datapath.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>
#include <linux/if_link.h>

#include <atomic>
#include <cerrno>
#include <string_view>
#include <utility>

#include "common/libbpf_log.hpp"
#include "lb.skel.h"
#include "lbd/datapath/inherit.hpp"
#include "lbd/model/cure.hpp"

namespace culvert::lbd {
namespace {

using common::LibbpfLog;
using netlink::failure;
using netlink::Result;

std::string privilege(int code) { return std::string(code == EPERM ? cure_of("not_permitted") : ""); }

void size_maps(const lb_bpf& skeleton, const Build& build) {
    constexpr std::uint32_t most_interfaces = 256;
    const Limits& limits = build.limits;
    ::bpf_map__set_max_entries(skeleton.maps.vips4, 2 * limits.vips4);
    ::bpf_map__set_max_entries(skeleton.maps.vips6, 2 * limits.vips6);
    ::bpf_map__set_max_entries(skeleton.maps.prefixes4, limits.vips4);
    ::bpf_map__set_max_entries(skeleton.maps.prefixes6, limits.vips6);
    ::bpf_map__set_max_entries(skeleton.maps.rings, limits.ring_lines);
    ::bpf_map__set_max_entries(skeleton.maps.transitions, limits.transition_lines);
    ::bpf_map__set_max_entries(skeleton.maps.dests, limits.dests);
    ::bpf_map__set_max_entries(skeleton.maps.dest_counters, limits.dests);
    ::bpf_map__set_max_entries(skeleton.maps.flows, build.buckets());
    ::bpf_map__set_max_entries(skeleton.maps.owners, limits.dests);
    ::bpf_map__set_max_entries(skeleton.maps.ports, most_interfaces);
}

}  // namespace

void Datapath::Unload::operator()(lb_bpf* skeleton) const { lb_bpf::destroy(skeleton); }

Datapath::Datapath(Skeleton skeleton, Build build, ImageMaps maps, FlowMap flows)
    : skeleton_(std::move(skeleton)), build_(build), maps_(std::move(maps)), flows_(std::move(flows)) {}

Result<Datapath> Datapath::load(Build build, const std::optional<Generation>& former, const common::SlowCall& slow) {
    const LibbpfLog log;
    Skeleton skeleton(lb_bpf::open());
    if (!skeleton) return failure("open", "the BPF program", errno, LibbpfLog::tail());
    skeleton->rodata->config = build.config;
    size_maps(*skeleton, build);
    std::vector<Replaced> replaced;
    if (former) {
        TRY(replaced, share_maps(*skeleton, *former));
    }
    int error = 0;
    slow([&] { error = lb_bpf::load(skeleton.get()); });  // most of the time of a reload: the verifier
    if (error < 0) return failure("load", "the BPF program", -error, LibbpfLog::tail(), privilege(-error));
    if (former) CHECK_OK(map_state(*skeleton));
    if (former) CHECK_OK(copy_maps(*skeleton, replaced, former->abi));

    TRY(auto maps, ImageMaps::open(*skeleton, slow));
    TRY(auto flows, FlowMap::open(*skeleton, replaced, former, slow));
    return Datapath(std::move(skeleton), build, std::move(maps), std::move(flows));
}

Result<> Datapath::pin(const Generation& generation) const { return lbd::pin(*skeleton_, generation); }

Result<> Datapath::attach(const Pins& pins, std::uint32_t ifindex, const std::string& name, XdpMode mode) {
    CHECK_OK(pins.attach(program(), ifindex, mode == XdpMode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE));
    if (::bpf_map_update_elem(::bpf_map__fd(skeleton_->maps.ports), &ifindex, &ifindex, BPF_ANY) == 0) return {};
    const int error = errno;
    (void)detach(pins, ifindex);
    return failure("register for redirects", name, error);
}

Result<std::uint32_t> Datapath::program_id() const {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    if (::bpf_obj_get_info_by_fd(program(), &info, &size) < 0) return failure("read", "the BPF program", errno);
    return info.id;
}

int Datapath::program() const { return ::bpf_program__fd(skeleton_->progs.lb); }
int Datapath::passing_program() const { return ::bpf_program__fd(skeleton_->progs.jiffies); }

Result<> Datapath::detach(const PinnedLink& link) {
    CHECK_OK(Pins::detach(link));
    forget_port(link.ifindex);
    return {};
}

void Datapath::forget_port(std::uint32_t ifindex) {
    (void)::bpf_map_delete_elem(::bpf_map__fd(skeleton_->maps.ports), &ifindex);
}

Result<> Datapath::detach(const Pins& pins, std::uint32_t ifindex) {
    for (const PinnedLink& link : pins.links())
        if (link.ifindex == ifindex) CHECK_OK(detach(link));
    return {};
}

bool Datapath::set_own(Own own) {
    lb_own& present = skeleton_->data_own->own;
    if (own == own_) return present.any_mac == 0;
    own_ = std::move(own);
    lb_own wanted = own_table(own_, build_.config.redirect != 0);
    const auto put = [](auto& to, auto& from) {
        for (std::size_t i = 0; i < std::size(to); ++i)
            std::atomic_ref(to[i]).store(from[i], std::memory_order_relaxed);
    };
    for (std::size_t line = 0; line < LB_MAC_LINES; ++line) put(present.macs[line], wanted.macs[line]);
    put(present.vlans, wanted.vlans);
    std::atomic_ref(present.any_mac).store(wanted.any_mac, std::memory_order_relaxed);
    return wanted.any_mac == 0;
}

void Datapath::set_unfinished(lb_unfinished unfinished) {
    std::atomic_ref(skeleton_->data_own->own.unfinished).store(unfinished, std::memory_order_relaxed);
}

void Datapath::resume(const Datapath& other) {
    maps_.reread();
    flows_.take_from(other.flows_);
}

int Datapath::reason_counts() const { return ::bpf_map__fd(skeleton_->maps.reasons); }

int Datapath::dests() const { return ::bpf_map__fd(skeleton_->maps.dests); }

}  // namespace culvert::lbd
