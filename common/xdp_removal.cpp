// SPDX-License-Identifier: Apache-2.0
#include "common/xdp_removal.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>

#include <cerrno>
#include <cstdint>
#include <string_view>

#include "common/fd.hpp"

namespace culvert::common {
namespace {

/// The bpf_link that attaches a program to a device. 0 with errno ENOENT: there is none; with another errno: unknown.
std::uint32_t link_of(const netlink::Link& device) {
    std::uint32_t id = 0;
    while (::bpf_link_get_next_id(id, &id) == 0) {
        const Fd fd(::bpf_link_get_fd_by_id(id));
        bpf_link_info info{};
        std::uint32_t size = sizeof info;
        if (::bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0 && info.type == BPF_LINK_TYPE_XDP &&
            info.xdp.ifindex == device.index && info.prog_id == device.xdp->program)
            return id;
    }
    return 0;
}

std::string by_netlink(const netlink::Link& device) {
    const std::string_view mode = device.xdp->mode == XDP_ATTACHED_SKB   ? "xdpgeneric"
                                  : device.xdp->mode == XDP_ATTACHED_DRV ? "xdpdrv"
                                  : device.xdp->mode == XDP_ATTACHED_HW  ? "xdpoffload"
                                                                         : "xdp";
    return fmt::format("ip link set dev {} {} off", device.name, mode);
}

}  // namespace

std::string xdp_removal(const netlink::Link& device) {
    if (!device.xdp) return {};
    if (const std::uint32_t id = link_of(device); id != 0) return fmt::format("bpftool link detach id {}", id);
    if (errno == ENOENT) return by_netlink(device);
    return fmt::format("{}, or bpftool link detach id N, if bpftool link has one with prog {}", by_netlink(device),
                       device.xdp->program);
}

}  // namespace culvert::common
