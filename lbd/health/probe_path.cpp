// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/probe_path.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <iterator>
#include <utility>

#include "bpf/abi.h"
#include "common/libbpf_log.hpp"
#include "lbd/model/cure.hpp"
#include "probe.skel.h"

namespace culvert::lbd {
namespace {

using common::Fd;
using common::LibbpfLog;
using netlink::failure;
using netlink::Result;

constexpr std::size_t longest = 65536;

Result<> share(bpf_map* map, int with) {
    if (::bpf_map__reuse_fd(map, with) < 0) return failure("share BPF map", ::bpf_map__name(map), errno);
    return {};
}

void configure(probe_bpf& programs, std::uint32_t device) {
    lb_config& config = programs.rodata->config;
    config.ipv4 = config.ipv6 = config.l2 = config.l3dsr = config.encap = config.vlan = 1;
    programs.rodata->probe_device = device;
    programs.rodata->own_uid = ::geteuid();
    std::uint32_t mark = 0;
    (void)!::getrandom(&mark, sizeof mark, 0);
    programs.rodata->answer_mark = mark;
    const auto& maps = programs.maps;
    for (bpf_map* unused : {maps.vips4, maps.vips6, maps.prefixes4, maps.prefixes6, maps.rings, maps.flows,
                            maps.dest_counters, maps.events, maps.icmp_budgets})
        ::bpf_map__set_autocreate(unused, false);
}

}  // namespace

void ProbePath::Unload::operator()(probe_bpf* programs) const { probe_bpf::destroy(programs); }

Result<ProbePath> ProbePath::open(int dests, const std::vector<Port>& ports) {
    TRY(auto device, open_probe_device());
    Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.is_open())
        return failure("open", "a packet socket", errno, {},
                       std::string(errno == EPERM ? cure_of("not_permitted_socket") : ""));
    Fd own_sockets(::bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "own_sockets", sizeof(std::uint64_t), sizeof(std::uint8_t),
                                    PROBE_SOCKETS, nullptr));
    if (!own_sockets.is_open()) return failure("create BPF map", "own_sockets", errno);
    ProbePath path(std::move(device), std::move(socket), std::move(own_sockets));
    TRY(auto programs, path.prepare(dests));
    CHECK_OK(steer(path.device_, ::bpf_program__fd(programs->progs.steer)));
    CHECK_OK(path.hear_at(ports, programs));
    path.programs_ = std::move(programs);
    return path;
}

Result<ProbePath::Programs> ProbePath::prepare(int dests) const {
    const LibbpfLog log;
    Programs programs(probe_bpf::open());
    if (!programs) return failure("open", "the BPF programs of health checks", errno, LibbpfLog::tail());
    configure(*programs, device_.index);
    const auto& maps = programs->maps;
    CHECK_OK(share(maps.dests, dests));
    CHECK_OK(share(maps.own_sockets, own_sockets_.get()));
    if (programs_) {  // for probes that are running
        const auto& former = programs_->maps;
        CHECK_OK(share(maps.own_probes, ::bpf_map__fd(former.own_probes)));
        CHECK_OK(share(maps.script_probes, ::bpf_map__fd(former.script_probes)));
        CHECK_OK(share(maps.other_probes, ::bpf_map__fd(former.other_probes)));
    }
    if (const int error = probe_bpf::load(programs.get()); error < 0)
        return failure("load", "the BPF programs of health checks", -error, LibbpfLog::tail());
    return programs;
}

Result<> ProbePath::hear_at(const std::vector<Port>& ports, const Programs& programs) {
    Result<> outcome;
    std::vector<AnswerTap> taps;
    const int program = ::bpf_program__fd(programs->progs.answer);
    for (const Port& port : ports) {
        const auto present = std::ranges::find(taps_, port.ifindex, &AnswerTap::ifindex);
        AnswerTap tap = present == taps_.end() ? AnswerTap(port.ifindex) : std::move(*present);
        auto attached = tap.attach(program, port.name);
        if (attached)
            taps.push_back(std::move(tap));
        else if (attached.error().code != ENODEV)  // the interface has just disappeared
            outcome = std::move(attached);
    }
    taps_ = std::move(taps);
    ports_ = ports;
    return outcome;
}

Result<> ProbePath::repair_taps() {
    const auto hears = [this](const Port& port) {
        const auto tap = std::ranges::find(taps_, port.ifindex, &AnswerTap::ifindex);
        return tap != taps_.end() && tap->is_attached();
    };
    std::vector<Port> deaf;
    std::ranges::copy_if(ports_, std::back_inserter(deaf), std::not_fn(hears));
    if (deaf.empty()) return {};
    const auto repaired = hear_at(std::vector(ports_), programs_);
    for (const Port& port : deaf)
        if (hears(port))
            spdlog::warn("{}: the tc filter that takes the answers to health checks was gone; it is attached again",
                         port.name);
    return repaired;
}

void ProbePath::name_earlier_filters() {
    std::map<std::uint32_t, std::uint32_t> present;
    for (const Port& port : ports_) {
        const auto earlier = earlier_priority(port.ifindex);
        if (!earlier || !*earlier) continue;
        present[port.ifindex] = **earlier;
        if (const auto known = earlier_.find(port.ifindex); known != earlier_.end() && known->second == **earlier)
            continue;
        spdlog::warn(
            "{}: answers to health checks may be lost: a tc filter of pref {} sees them before that of lbd, of pref {} "
            "(if it ends the chain, give it a higher pref)",
            port.name, **earlier, answer_priority);
    }
    earlier_ = std::move(present);
}

void ProbePath::take(Programs programs, const std::vector<Port>& ports) {
    const auto say = [](const Result<>& done) {
        if (!done) spdlog::warn("health checks: " + done.error().message());
    };
    say(steer(device_, ::bpf_program__fd(programs->progs.steer)));
    say(hear_at(ports, programs));
    programs_ = std::move(programs);
}

Result<bool> ProbePath::repair() {
    const auto repaired = lbd::repair(device_);
    if (repaired) return false;
    if (repaired.error().code != ENODEV) return tl::unexpected(repaired.error());
    TRY(device_, open_probe_device());
    TRY(auto programs, prepare(::bpf_map__fd(programs_->maps.dests)));
    take(std::move(programs), std::vector(ports_));
    return true;
}

Result<bool> ProbePath::carry(probe_queue queue, int most) {
    std::array<std::uint8_t, longest> buffer;
    for (int carried = 0; carried < most; ++carried) {
        const ssize_t size = ::read(fd(queue), buffer.data(), buffer.size());
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
        if (size < 0) return failure("read from", "the interface of health checks", errno);
        const std::span packet(buffer.data(), static_cast<std::size_t>(size));
        if (const auto dest = translator_.outward(packet, queue))
            send(*dest, packet);
        else if (translator_.inward(packet))
            (void)!::write(fd(queue), packet.data(), packet.size());
    }
    return false;
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
    if (::bpf_prog_test_run_opts(::bpf_program__fd(programs_->progs.probe), &options) < 0) return;
    if (options.retval != XDP_TX) return;

    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(programs_->bss->probe_port);
    std::memcpy(&to.sll_protocol, out.data() + 2 * ETH_ALEN, sizeof to.sll_protocol);
    (void)::sendto(socket_.get(), out.data(), options.data_size_out, 0, reinterpret_cast<const sockaddr*>(&to),
                   sizeof to);
}

}  // namespace culvert::lbd
