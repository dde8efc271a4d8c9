// SPDX-License-Identifier: Apache-2.0
#include "bench/sharing/clients.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <stop_token>
#include <vector>

namespace culvert::bench::sharing {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

struct [[gnu::packed]] Frame {
    std::uint8_t ethernet[ETH_HLEN] = {0x02, 0, 10, 0, 0, 2, 0x02, 0, 10, 0, 0, 1, 0x08, 0};
    iphdr ip{};
    tcphdr tcp{};
    std::uint8_t padding[6]{};
};

std::uint16_t checksum(const iphdr& ip) {
    std::array<std::uint16_t, sizeof ip / 2> words{};
    std::memcpy(words.data(), &ip, sizeof ip);
    std::uint32_t sum = 0;
    for (const std::uint16_t word : words) sum += word;
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~(sum + (sum >> 16)));
}

Frame first_frame() {
    Frame frame;
    frame.ip.version = 4;
    frame.ip.ihl = 5;
    frame.ip.tot_len = htons(sizeof(iphdr) + sizeof(tcphdr));
    frame.ip.ttl = 64;
    frame.ip.protocol = IPPROTO_TCP;
    frame.ip.daddr = inet_addr("192.0.2.1");
    frame.tcp.dest = htons(80);
    frame.tcp.doff = sizeof(tcphdr) / 4;
    return frame;
}

enum class Packet : std::uint8_t { syn, ack, fin };

/// Frames of connections, sent many at a time.
class Sender {
  public:
    Sender(const std::string& device, std::atomic<std::uint64_t>& unsent)
        : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)), unsent_(unsent) {
        const sockaddr_ll to{.sll_family = AF_PACKET,
                             .sll_protocol = 0,
                             .sll_ifindex = static_cast<int>(::if_nametoindex(device.c_str())),
                             .sll_hatype = 0,
                             .sll_pkttype = 0,
                             .sll_halen = 0,
                             .sll_addr = {}};
        ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
        const int yes = 1;
        ::setsockopt(socket_.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes);
        frames_.fill(first_frame());
        for (std::size_t i = 0; i < at_once; ++i) {
            parts_[i] = {&frames_[i], sizeof(Frame)};
            messages_[i].msg_hdr.msg_iov = &parts_[i];
            messages_[i].msg_hdr.msg_iovlen = 1;
        }
    }
    /// A packet of each of these connections.
    void send(std::uint64_t first, std::uint64_t end, Packet packet) {
        for (std::uint64_t number = first; number < end; ++number) {
            Frame& frame = frames_[used_];
            frame.ip.saddr = htonl(0x0a400000U | static_cast<std::uint32_t>(number >> 14 & 0x3fffff));
            frame.ip.check = 0;
            frame.ip.check = checksum(frame.ip);
            frame.tcp.source = htons(static_cast<std::uint16_t>(1024 + (number & 0x3fff)));
            frame.tcp.syn = packet == Packet::syn;
            frame.tcp.ack = packet != Packet::syn;
            frame.tcp.fin = packet == Packet::fin;
            if (++used_ == at_once) flush();
        }
    }
    void flush() {
        for (unsigned sent = 0; sent < used_;) {
            const int now = ::sendmmsg(socket_.get(), &messages_[sent], used_ - sent, 0);
            if (now <= 0) ++unsent_;
            sent += now > 0 ? static_cast<unsigned>(now) : 1U;
        }
        used_ = 0;
    }

  private:
    static constexpr unsigned at_once = 64;

    netns::FileDescriptor socket_;
    std::atomic<std::uint64_t>& unsent_;
    std::array<Frame, at_once> frames_{};
    std::array<iovec, at_once> parts_{};
    std::array<mmsghdr, at_once> messages_{};
    unsigned used_ = 0;
};

void send_all(const std::stop_token& stop, Sender& sender, std::uint32_t per_second, std::chrono::seconds lifetime) {
    const auto begin = Clock::now();
    const auto opened_until = [&](Clock::duration time) {
        return time < 0s ? 0 : static_cast<std::uint64_t>(std::chrono::duration<double>(time).count() * per_second);
    };
    const struct {
        Clock::duration age;
        Packet packet;
    } packets[] = {{0s, Packet::syn},
                   {1ms, Packet::ack},
                   {lifetime / 3, Packet::ack},
                   {2 * lifetime / 3, Packet::ack},
                   {lifetime, Packet::fin}};
    Clock::duration before{};
    while (!stop.stop_requested()) {
        const auto now = Clock::now() - begin;
        for (const auto& [age, packet] : packets)
            sender.send(opened_until(before - age), opened_until(now - age), packet);
        sender.flush();
        before = now;
        std::this_thread::sleep_for(5ms);
    }
}

}  // namespace

Clients::Clients(const netns::Host& host, const std::string& device, std::uint32_t connections_per_second,
                 std::chrono::seconds lifetime)
    : thread_([this, &host, device, connections_per_second, lifetime](const std::stop_token& stop) {
          host.within([&] {
              Sender sender(device, unsent_);
              send_all(stop, sender, connections_per_second, lifetime);
          });
      }) {}

}  // namespace culvert::bench::sharing
