// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/losses.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

#include "common/bpffs.hpp"
#include "common/libbpf_log.hpp"
#include "lost.skel.h"
#include "netlink/netns.hpp"

namespace culvert::lbd {
namespace {

using common::bpf_privilege;
using common::LibbpfLog;
using netlink::failure;
using netlink::Result;

constexpr const char* without = "frames that drivers lose are not counted";

/// Replaces the pinned link. The kernel detaches that one when its last reference is gone.
Result<> attach(const bpf_program* program, const std::string& directory) {
    const std::string path = directory + ::bpf_program__name(program);
    std::remove(path.c_str());
    bpf_link* const link = ::bpf_program__attach(program);
    if (link == nullptr) return failure("trace", ::bpf_program__name(program), errno, without, bpf_privilege(errno));
    const int error = ::bpf_link__pin(link, path.c_str());
    ::bpf_link__destroy(link);
    if (error < 0) return failure("pin", path, -error, without, bpf_privilege(-error));
    return {};
}

}  // namespace

void Losses::Unload::operator()(lost_bpf* skeleton) const { lost_bpf::destroy(skeleton); }

Result<Losses> Losses::count(const Pins& pins, int reasons) {
    const LibbpfLog log;
    TRY(const std::uint64_t cookie, netlink::NetworkNamespace::current_cookie());
    Skeleton skeleton(lost_bpf::open());
    if (!skeleton) return failure("open", "the tracing BPF programs", errno, LibbpfLog::tail());
    skeleton->rodata->namespace_cookie = cookie;
    if (::bpf_map__reuse_fd(skeleton->maps.reasons, reasons) < 0) return failure("share BPF map", "reasons", errno);
    if (const int error = lost_bpf::load(skeleton.get()); error < 0)
        return failure("load", "the tracing BPF programs", -error, without, bpf_privilege(-error));
    CHECK_OK(common::make_pin_directory(pins.losses()));
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton->obj) CHECK_OK(attach(program, pins.losses()));
    return Losses(std::move(skeleton));
}

void Losses::watch(const std::set<std::uint32_t>& interfaces) {
    if (interfaces == watched_) return;
    const int map = ::bpf_map__fd(skeleton_->maps.watched);
    for (const std::uint32_t index : watched_)
        if (!interfaces.contains(index)) (void)::bpf_map_delete_elem(map, &index);
    for (const std::uint32_t index : interfaces) (void)::bpf_map_update_elem(map, &index, &index, BPF_ANY);
    watched_ = interfaces;
}

}  // namespace culvert::lbd
