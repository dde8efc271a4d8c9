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

/// How our filter is known among others' at an interface: by numbers that nobody else is likely to use.
constexpr std::uint32_t filter_handle = 0x6375;
constexpr std::uint32_t filter_priority = 0x6375;

bpf_tc_hook ingress_of(std::uint32_t ifindex) {
    bpf_tc_hook hook{};
    hook.sz = sizeof hook;
    hook.ifindex = static_cast<int>(ifindex);
    hook.attach_point = BPF_TC_INGRESS;
    return hook;
}

bpf_tc_opts our_filter() {
    bpf_tc_opts filter{};
    filter.sz = sizeof filter;
    filter.handle = filter_handle;
    filter.priority = filter_priority;
    return filter;
}

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

Result<ProbePath::Tap> ProbePath::Tap::attach(int program, const Port& port) {
    const LibbpfLog log;
    bpf_tc_hook hook = ingress_of(port.ifindex);
    const int made = ::bpf_tc_hook_create(&hook);
    if (made < 0 && made != -EEXIST) return failure("make clsact qdisc on", port.name, -made, LibbpfLog::tail());
    Tap tap(port.ifindex, made == 0);
    bpf_tc_opts filter = our_filter();
    filter.prog_fd = program;
    filter.flags = BPF_TC_F_REPLACE;
    if (const int error = ::bpf_tc_attach(&hook, &filter); error < 0)
        return failure("attach filter to ingress of", port.name, -error, LibbpfLog::tail());
    return tap;
}

ProbePath::Tap::Tap(Tap&& other) noexcept
    : ifindex_(std::exchange(other.ifindex_, 0)), made_qdisc_(other.made_qdisc_) {}

ProbePath::Tap::~Tap() {
    if (ifindex_ == 0) return;
    const LibbpfLog log;
    bpf_tc_hook hook = ingress_of(ifindex_);
    const bpf_tc_opts filter = our_filter();
    ::bpf_tc_detach(&hook, &filter);
    if (!made_qdisc_) return;
    hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);  // the qdisc itself
    ::bpf_tc_hook_destroy(&hook);
}

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
        TRY(auto tap, Tap::attach(::bpf_program__fd(skeleton_->progs.answer), port));
        taps_.push_back(std::move(tap));
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
