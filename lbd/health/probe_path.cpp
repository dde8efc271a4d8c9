// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/probe_path.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bpf/abi.h"
#include "common/libbpf_log.hpp"
#include "probe.skel.h"

namespace culvert::lbd {
namespace {

using common::Fd;
using common::LibbpfLog;
using netlink::failure;
using netlink::Result;

constexpr std::size_t longest = 65536;
/// Packets that are carried before others have their turn.
constexpr int most_at_once = 256;

Result<> configure(probe_bpf& skeleton, int dests, std::uint32_t device) {
    lb_config& config = skeleton.rodata->config;
    config.ipv4 = config.ipv6 = config.l2 = config.l3dsr = config.encap = config.vlan = 1;
    skeleton.rodata->probe_device = device;
    const auto& maps = skeleton.maps;
    for (bpf_map* unused : {maps.vips4, maps.vips6, maps.prefixes4, maps.prefixes6, maps.rings, maps.flows,
                            maps.dest_counters, maps.events, maps.icmp_budgets})
        ::bpf_map__set_autocreate(unused, false);
    if (::bpf_map__reuse_fd(maps.dests, dests) < 0) return failure("share", "BPF map dests", errno);
    return {};
}

}  // namespace

void ProbePath::Unload::operator()(probe_bpf* skeleton) const { probe_bpf::destroy(skeleton); }

Result<ProbePath> ProbePath::open(int dests, const std::vector<Port>& ports) {
    TRY(auto device, open_probe_device());
    Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.is_open())
        return failure("open", "a packet socket", errno, {}, errno == EPERM ? "run as root, or with CAP_NET_RAW" : "");
    ProbePath path(std::move(device), std::move(socket));
    CHECK_OK(path.renew(dests, ports));
    return path;
}

Result<> ProbePath::renew(int dests, const std::vector<Port>& ports) {
    taps_.clear();
    {
        const LibbpfLog log;
        skeleton_.reset(probe_bpf::open());
        if (!skeleton_) return failure("open", "the BPF programs of health checks", errno, LibbpfLog::tail());
        CHECK_OK(configure(*skeleton_, dests, device_.index));
        if (const int error = probe_bpf::load(skeleton_.get()); error < 0)
            return failure("load", "the BPF programs of health checks", -error, LibbpfLog::tail());
    }
    for (const Port& port : ports) {
        auto tap = AnswerTap::attach(::bpf_program__fd(skeleton_->progs.answer), port.ifindex, port.name);
        if (!tap && tap.error().code == ENODEV) continue;  // it has just gone
        if (!tap) return tl::unexpected(std::move(tap.error()));
        taps_.push_back(*std::move(tap));
    }
    return {};
}

Result<> ProbePath::carry(Translator::Time now) {
    std::array<std::uint8_t, longest> buffer;
    for (int carried = 0; carried < most_at_once; ++carried) {
        const ssize_t size = ::read(fd(), buffer.data(), buffer.size());
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return {};
        if (size < 0) return failure("read from", "the interface of health checks", errno);
        const std::span packet(buffer.data(), static_cast<std::size_t>(size));
        if (const auto dest = translator_.outward(packet, now))
            send(*dest, packet);
        else if (translator_.inward(packet, now))
            (void)!::write(fd(), packet.data(), packet.size());
    }
    return {};
}

void ProbePath::send(std::uint32_t dest, std::span<const std::uint8_t> packet) {
    std::array<std::uint8_t, 2048> in{};
    std::array<std::uint8_t, 2048> out;
    if (ETH_HLEN + packet.size() > in.size()) return;
    const std::uint16_t type = htons(packet[0] >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6);
    std::memcpy(in.data(), &dest, sizeof dest);
    std::memcpy(in.data() + 2 * ETH_ALEN, &type, sizeof type);
    std::ranges::copy(packet, in.begin() + ETH_HLEN);

    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = in.data();
    options.data_size_in = static_cast<std::uint32_t>(ETH_HLEN + packet.size());
    options.data_out = out.data();
    options.data_size_out = out.size();
    if (::bpf_prog_test_run_opts(::bpf_program__fd(skeleton_->progs.probe), &options) < 0) return;
    if (options.retval != XDP_TX) return;

    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(skeleton_->bss->probe_port);
    std::memcpy(&to.sll_protocol, out.data() + 2 * ETH_ALEN, sizeof to.sll_protocol);
    (void)::sendto(socket_.get(), out.data(), options.data_size_out, 0, reinterpret_cast<const sockaddr*>(&to),
                   sizeof to);
}

}  // namespace culvert::lbd
