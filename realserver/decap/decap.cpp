// SPDX-License-Identifier: Apache-2.0
#include "realserver/decap/decap.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "bpf/decap_abi.h"
#include "common/bpffs.hpp"
#include "common/fd.hpp"
#include "common/libbpf_log.hpp"
#include "common/xdp_removal.hpp"
#include "decap.skel.h"
#include "netlink/links.hpp"
#include "netlink/socket.hpp"
#include "realserver/decap/maps.hpp"

namespace culvert::realserver {

namespace {

namespace fs = std::filesystem;
using common::bpf_privilege;
using common::bpffs;
using common::Fd;
using common::LibbpfLog;
using netlink::failure;
using netlink::Result;

constexpr const char* link_pin = "link";

struct Unload {
    void operator()(decap_bpf* skeleton) const { decap_bpf::destroy(skeleton); }
};
using Skeleton = std::unique_ptr<decap_bpf, Unload>;

void size_maps(const decap_bpf& skeleton, const DecapProgram& program) {
    const auto size = [](bpf_map* map, std::size_t entries) {
        ::bpf_map__set_max_entries(map, static_cast<std::uint32_t>(std::max<std::size_t>(entries, 1)));
    };
    std::size_t networks = 0;
    for (const auto& [key, port] : program.ports) networks += port.vnis.size();
    size(skeleton.maps.balancers, program.balancers.size());
    size(skeleton.maps.vips, program.vips.size());
    size(skeleton.maps.own, program.own.size());
    size(skeleton.maps.tunnels, program.ports.size());
    size(skeleton.maps.networks, networks);
}

/// The link that is pinned in a directory.
struct LinkInfo {
    Fd fd;
    std::uint32_t program = 0;
    std::uint32_t ifindex = 0;  ///< 0: its device was deleted
};

/// Nothing if there is none, or it cannot be read: errno says why.
std::optional<LinkInfo> open_link(const std::string& directory) {
    LinkInfo link{.fd = Fd(::bpf_obj_get((directory + link_pin).c_str()))};
    bpf_link_info info{};
    std::uint32_t size = sizeof info;
    if (!link.fd.is_open() || ::bpf_obj_get_info_by_fd(link.fd.get(), &info, &size) < 0) return std::nullopt;
    link.program = info.prog_id;
    link.ifindex = info.xdp.ifindex;
    return link;
}

/// Removes the pins of programs whose devices were deleted, in all network namespaces.
void sweep() {
    std::error_code error;
    for (const auto& home : fs::directory_iterator(fs::path(bpffs) / "culvert/realserver", error)) {
        for (const auto& program : fs::directory_iterator(home, error)) {
            const auto link = open_link(program.path().string() + "/");
            if (link && link->ifindex == 0) fs::remove_all(program, error);
        }
        fs::remove(home, error);  // fails unless it is empty
    }
}

/// The directory in which the maps of the program with this id are pinned.
std::string directory_of(std::uint32_t program, const std::string& directory) {
    return fmt::format("{}{}/", directory, program);
}

/// Removes the pins of all programs but this one.
void keep_only(std::uint32_t program, const std::string& directory) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error))
        if (entry.is_directory(error) && entry.path().filename() != std::to_string(program))
            fs::remove_all(entry, error);
}

Result<std::uint32_t> number(const decap_bpf& skeleton) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    if (::bpf_obj_get_info_by_fd(::bpf_program__fd(skeleton.progs.decap), &info, &size) < 0)
        return failure("read", "the XDP program", errno, {}, bpf_privilege(errno));
    return info.id;
}

Result<> pin_maps(const decap_bpf& skeleton, const std::string& directory) {
    CHECK_OK(common::make_pin_directory(directory));
    const auto& maps = skeleton.maps;
    for (const bpf_map* map : {maps.rodata, maps.balancers, maps.vips, maps.own, maps.tunnels, maps.networks,
                               maps.received, maps.reasons, maps.let_pass}) {
        const std::string path = directory + (map == maps.rodata ? config_pin : ::bpf_map__name(map));
        if (::bpf_obj_pin(::bpf_map__fd(map), path.c_str()) < 0)
            return failure("pin", path, errno, {}, bpf_privilege(errno));
    }
    return {};
}

Result<Skeleton> load(const DecapProgram& program, const std::string& directory) {
    const LibbpfLog log;
    Skeleton skeleton(decap_bpf::open());
    if (!skeleton) return failure("open", "the XDP program", errno, LibbpfLog::tail());
    skeleton->rodata->config = to_config(program);
    size_maps(*skeleton, program);
    const std::array counters{std::pair{skeleton->maps.received, open_received(directory)},
                              std::pair{skeleton->maps.reasons, open_reasons(directory)},
                              std::pair{skeleton->maps.let_pass, open_let_pass(directory)}};
    for (const auto& [map, former] : counters)
        if (former.fd.is_open() && former.entries == ::bpf_map__max_entries(map))
            ::bpf_map__reuse_fd(map, former.fd.get());
    if (const int error = decap_bpf::load(skeleton.get()); error < 0)
        return failure("load", "the XDP program", -error, LibbpfLog::tail(), bpf_privilege(-error));
    for (const auto& [map, former] : counters) {
        const std::uint32_t entries = ::bpf_map__max_entries(map);
        if (!former.fd.is_open() || former.entries == entries) continue;
        CHECK_OK(copy_counters(former.fd.get(), ::bpf_map__fd(map), std::min(former.entries, entries),
                               ::bpf_map__value_size(map)));
    }
    const auto& maps = skeleton->maps;
    CHECK_OK(fill({.balancers = ::bpf_map__fd(maps.balancers),
                   .vips = ::bpf_map__fd(maps.vips),
                   .own = ::bpf_map__fd(maps.own),
                   .tunnels = ::bpf_map__fd(maps.tunnels),
                   .networks = ::bpf_map__fd(maps.networks)},
                  program));
    return skeleton;
}

/// The error if the device has a foreign program.
netlink::Error taken(const Decap& wanted, std::uint32_t ifindex, int code) {
    std::string cure = "via: kernel";
    if (auto socket = netlink::Socket::open(NETLINK_ROUTE))
        if (const auto link = netlink::Links(*socket).get(ifindex); link && link->xdp)
            cure = common::xdp_removal(*link) + ", or " + cure;
    return {.operation = "attach XDP to",
            .object = wanted.device,
            .code = code,
            .kernel = "another XDP program is there",
            .cure = std::move(cure)};
}

/// Native XDP if the driver has it, otherwise generic.
Result<Fd> create_link(int program, const Decap& wanted, std::uint32_t ifindex) {
    bpf_link_create_opts options{};
    options.sz = sizeof options;
    for (const auto flags : {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE}) {
        if (flags == XDP_FLAGS_DRV_MODE && wanted.mode == XdpMode::generic) continue;
        options.flags = flags;
        Fd link(::bpf_link_create(program, static_cast<int>(ifindex), BPF_XDP, &options));
        if (link.is_open()) return link;
        if (errno == EBUSY || errno == EEXIST) return tl::unexpected(taken(wanted, ifindex, errno));
    }
    return failure("attach XDP to", wanted.device, errno, {}, bpf_privilege(errno));
}

/// Swaps programs atomically: each packet meets the old program or the new one.
Result<> set_program(const decap_bpf& skeleton, const Decap& wanted, std::uint32_t ifindex,
                     const std::string& directory) {
    const int program = ::bpf_program__fd(skeleton.progs.decap);
    if (const auto link = open_link(directory); link && link->ifindex == ifindex) {
        if (::bpf_link_update(link->fd.get(), program, nullptr) < 0)
            return failure("replace XDP program of", wanted.device, errno);
        return {};
    }
    TRY(const Fd link, create_link(program, wanted, ifindex));
    const std::string pin = directory + link_pin;
    std::remove(pin.c_str());
    if (::bpf_obj_pin(link.get(), pin.c_str()) < 0) return failure("pin", pin, errno, {}, bpf_privilege(errno));
    return {};
}

}  // namespace

DecapPrograms::DecapPrograms(std::uint64_t cookie) : home_(fmt::format("{}/culvert/realserver/{}/", bpffs, cookie)) {}

std::string DecapPrograms::directory(std::uint32_t ifindex) const { return fmt::format("{}{}/", home_, ifindex); }

namespace {

/// Why the pins cannot be read, so that the program may be ours; nothing if there are none. `code` is the error of
/// opening the link.
std::optional<netlink::Error> why_unread(const std::string& directory, int code) {
    if (!common::is_bpffs_mounted())  // `ip netns exec` hides it
        return netlink::Error{.operation = "read",
                              .object = bpffs,
                              .code = 0,
                              .kernel = "it is not mounted here",
                              .cure = "use --netns NAME instead of ip netns exec NAME"};
    if (code == ENOENT) return std::nullopt;
    return netlink::Error{.operation = "read",
                          .object = directory + link_pin,
                          .code = code,
                          .kernel = {},
                          .cure = code == EACCES ? "run as root" : bpf_privilege(code)};  // of files: no CAP_BPF helps
}

}  // namespace

Result<std::optional<Decap>> DecapPrograms::observe(const netlink::Link& link) const {
    if (!link.xdp) return std::nullopt;
    Decap found{.device = link.name, .program = {}, .mode = {}};
    const std::string here = directory(link.index);
    const auto ours = open_link(here);
    if (!ours) found.unread = why_unread(here, errno);
    if (found.unread) return found;
    if (!ours || ours->ifindex != link.index || ours->program != link.xdp->program) {
        found.removal = common::xdp_removal(link);
        return found;
    }
    found.program = read_program(directory_of(ours->program, here));
    found.mode = link.xdp->mode == XDP_ATTACHED_SKB ? XdpMode::generic : XdpMode::native;
    return found;
}

Result<> DecapPrograms::attach(const Decap& wanted, std::uint32_t ifindex) const {
    sweep();
    const std::string here = directory(ifindex);
    const auto former = open_link(here);
    const std::uint32_t former_program = former ? former->program : 0;
    TRY(const Skeleton skeleton, load(wanted.program.value(), directory_of(former_program, here)));
    TRY(const std::uint32_t program, number(*skeleton));
    auto done = pin_maps(*skeleton, directory_of(program, here));
    if (done) done = set_program(*skeleton, wanted, ifindex, here);
    keep_only(done ? program : former_program, here);
    std::error_code error;
    if (!open_link(here)) fs::remove_all(here, error);
    return done;
}

Result<> DecapPrograms::detach(const std::string& device, std::uint32_t ifindex) const {
    const std::string here = directory(ifindex);
    // Detach at once: removing the last pin would do it only some time later.
    if (const auto link = open_link(here); link && ::bpf_link_detach(link->fd.get()) < 0)
        return failure("detach XDP from", device, errno, {}, bpf_privilege(errno));
    std::error_code error;
    fs::remove_all(here, error);
    if (error) return failure("remove", here, error.value(), {}, bpf_privilege(error.value()));
    sweep();
    return {};
}

Result<DecapCounters> DecapPrograms::counters(std::uint32_t ifindex) const {
    const std::string here = directory(ifindex);
    const auto link = open_link(here);
    if (!link) return failure("read", here, ENOENT);
    return read_counters(directory_of(link->program, here));
}

}  // namespace culvert::realserver
