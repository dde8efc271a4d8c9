// SPDX-License-Identifier: Apache-2.0
#include "bench/throughput/path.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <functional>
#include <stdexcept>
#include <system_error>

#include "bench/throughput/frames_abi.h"
#include "frames.skel.h"
#include "tests/netns/harness/network.hpp"

namespace culvert::bench {

namespace {

constexpr std::size_t frame_size = 60;  // a wire adds four bytes of checksum

void check(int result, const char* what) {
    if (result < 0) throw std::system_error(-result, std::generic_category(), what);
}

/// Runs the function in the host, and rethrows its exceptions.
void within(const netns::Host& host, const std::function<void()>& function) {
    std::exception_ptr thrown;
    host.within([&] {
        try {
            function();
        } catch (...) {
            thrown = std::current_exception();
        }
    });
    if (thrown) std::rethrow_exception(thrown);
}

std::array<std::uint8_t, frame_size> frame_to_vip() {
    std::array<std::uint8_t, frame_size> frame{};
    constexpr std::array<std::uint8_t, ETH_HLEN> ethernet{0x02, 0, 10, 0, 0, 2, 0x02, 0, 10, 0, 0, 1, 0x08, 0};
    iphdr ip{};
    ip.version = 4;
    ip.ihl = 5;
    ip.tot_len = htons(frame_size - ETH_HLEN);
    ip.ttl = 64;
    ip.protocol = IPPROTO_UDP;
    ip.saddr = inet_addr("10.1.0.0");
    ip.daddr = inet_addr(vip);
    udphdr udp{};
    udp.source = htons(4096);
    udp.dest = htons(9);
    udp.len = htons(frame_size - ETH_HLEN - sizeof ip);
    std::memcpy(frame.data(), ethernet.data(), sizeof ethernet);
    std::memcpy(frame.data() + ETH_HLEN, &ip, sizeof ip);
    std::memcpy(frame.data() + ETH_HLEN + sizeof ip, &udp, sizeof udp);
    return frame;
}

/// The sum of the fields that the program doesn't change.
std::uint32_t ip_sum(const std::array<std::uint8_t, frame_size>& frame) {
    std::array<std::uint16_t, sizeof(iphdr) / 2> words;
    std::memcpy(words.data(), frame.data() + ETH_HLEN, sizeof words);
    constexpr std::size_t first_of_source = 6;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < words.size(); ++i)
        if (i != first_of_source && i != first_of_source + 1) sum += words[i];
    return sum;
}

void attach(const netns::Host& host, const char* device, const bpf_program* program) {
    within(host, [&] {
        const auto index = static_cast<int>(::if_nametoindex(device));
        check(::bpf_xdp_attach(index, ::bpf_program__fd(program), 0, nullptr), "attach XDP");
    });
}

frames_bpf* loaded() {
    frames_bpf* skeleton = frames_bpf::open_and_load();
    if (skeleton == nullptr) throw std::system_error(errno, std::generic_category(), "load frames");
    return skeleton;
}

}  // namespace

void Path::Unload::operator()(frames_bpf* skeleton) const { frames_bpf::destroy(skeleton); }

Path::Path() : source_("source"), middle_("middle"), sink_("sink"), frames_(loaded()) {
    // In this order: when a device comes up, veth reads what the other end supports.
    netns::connect({middle_, "eth0", {"10.0.0.2/24"}}, {source_, "eth0", {"10.0.0.1/24"}});
    netns::connect({middle_, "eth1", {"10.9.0.2/24"}}, {sink_, "eth0", {"10.9.0.3/24"}});
    middle_.ip(fmt::format("route add 10.1.0.0/16 via 10.0.0.1\nneigh replace {} lladdr {} dev eth1\n", beyond,
                           netns::mac_of({sink_, "eth0", {beyond}})));
    attach(sink_, "eth0", frames_->progs.sink);
    const auto frame = frame_to_vip();
    std::memcpy(frames_->bss->head, frame.data(), FRAMES_HEAD);
    frames_->bss->ip_sum = ip_sum(frame);
    within(source_, [this] { frames_->bss->out = ::if_nametoindex("eth0"); });
}

Path::~Path() = default;

void Path::pass_through() {
    through_.reset(loaded());
    within(middle_, [&] {
        const std::uint32_t key = 0;
        const std::uint32_t index = ::if_nametoindex("eth1");
        check(::bpf_map_update_elem(::bpf_map__fd(through_->maps.way_out), &key, &index, BPF_ANY), "register eth1");
    });
    attach(middle_, "eth0", through_->progs.through);
}

std::chrono::duration<double, std::nano> Path::send(std::uint32_t frames, std::uint8_t arrive_as) {
    using Clock = std::chrono::steady_clock;
    auto frame = frame_to_vip();
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = frame.size();
    options.repeat = static_cast<int>(frames);
    options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    std::memset(frames_->bss->arrived, 0, sizeof frames_->bss->arrived);
    Clock::duration taken{};
    within(source_, [&] {
        const auto start = Clock::now();
        check(::bpf_prog_test_run_opts(::bpf_program__fd(frames_->progs.source), &options), "send live frames");
        taken = Clock::now() - start;
    });
    if (const std::uint64_t arrived = frames_->bss->arrived[arrive_as]; arrived != frames)

        throw std::runtime_error(fmt::format("{} of {} frames have arrived correctly", arrived, frames));
    return std::chrono::duration<double, std::nano>(taken) / frames;
}

}  // namespace culvert::bench
