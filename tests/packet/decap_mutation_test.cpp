// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <span>

#include "tests/packet/decapsulator.hpp"

namespace culvert::packet {
namespace {

using netlink::Family;

constexpr std::size_t mutants = 15'000;

using View = std::span<const std::uint8_t>;

bool starts_with(View bytes, const char* hex) {
    const Bytes prefix = from_hex(hex);
    return bytes.size() >= prefix.size() && std::ranges::equal(bytes.first(prefix.size()), prefix);
}

/// Whether an IP packet, with its version in the first four bits, may leave a tunnel of ours: whole, to a VIP, not from
/// this host.
bool may_come_out(View ip) {
    if (ip.size() >= 20 && ip[0] == 0x45) {
        const std::size_t length = ip[2] << 8U | ip[3];
        const View source = ip.subspan(12), vip = ip.subspan(16);
        return length >= 20 && length <= ip.size() &&
               (starts_with(vip, "c0000201") || (starts_with(vip, "c63364") && vip[3] >= 128)) &&
               !starts_with(source, "0a00021e") && !starts_with(source, "7f") && ip[9] != 4 && ip[9] != 41 &&
               ip[9] != 47;
    }
    if (ip.size() < 40 || ip[0] >> 4U != 6) return false;
    const std::size_t length = 40 + (ip[4] << 8U | ip[5]);
    return length <= ip.size() && starts_with(ip.subspan(24), "20010db800000000") &&
           !starts_with(ip.subspan(8), "fd000000000000020000000000000030") && ip[6] != 4 && ip[6] != 41 && ip[6] != 47;
}

/// Whether a frame's outer header is from a balancer to this host.
bool may_come_in(View frame) {
    const View ip = frame.subspan(14);
    if (frame[12] == 0x08)
        return ip.size() >= 20 && starts_with(ip.subspan(12), "0a0000") && starts_with(ip.subspan(16), "0a00021e");
    return ip.size() >= 40 && starts_with(ip.subspan(8), "fd00000000000000") &&
           starts_with(ip.subspan(24), "fd000000000000020000000000000030");
}

/// The packet is as in the tunnel, except for the effects of congestion: TOS and IPv4 header checksum.
bool same_but_ecn(View in, View out) {
    Bytes one(in.begin(), in.end()), two(out.begin(), out.end());
    for (Bytes* packet : {&one, &two}) {
        if (packet->at(0) >> 4U == 4) {
            packet->at(1) &= 0xfcU;
            packet->at(10) = packet->at(11) = 0;
        } else {
            packet->at(1) &= 0xcfU;
        }
    }
    return one == two;
}

class Mutator {
  public:
    Mutator() {
        for (const Tunnel& tunnel : all_tunnels())
            for (const bool tcp : {true, false}) {
                const Packet l4 = tcp ? TCP() / payload(30) : UDP() / payload(30);
                originals_.push_back((Ethernet() / in_tunnel(tunnel, IPv4() / l4, Family::ipv4)).bytes());
                originals_.push_back((Ethernet() / in_tunnel(tunnel, IPv6() / l4, Family::ipv6)).bytes());
            }
    }

    Bytes next() {
        Bytes frame = originals_.at(below(originals_.size()));
        for (std::size_t changes = 1 + below(3); changes > 0; --changes) change(frame);
        if (frame.size() < 14) frame.resize(14);  // the minimum of BPF_PROG_TEST_RUN
        if (frame.size() >= 34 && frame[12] == 0x08 && below(4) > 0) correct_checksum(frame);
        return frame;
    }

  private:
    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }

    void change(Bytes& frame) {
        if (frame.size() < 2) return;
        const std::size_t at = below(std::min<std::size_t>(frame.size(), 130));
        switch (below(6)) {
            case 0:
                frame[at] = static_cast<std::uint8_t>(below(256));
                break;
            case 1:
                frame[at] = borders_.at(below(borders_.size()));
                break;
            case 2:
                frame.resize(at);
                break;
            case 3:
                frame.resize(frame.size() + below(40));
                break;
            case 4:
                frame.insert(frame.begin() + static_cast<std::ptrdiff_t>(at), 4, borders_.at(below(borders_.size())));
                break;
            default:
                frame[at] ^= static_cast<std::uint8_t>(1U << below(8));
        }
    }

    static void correct_checksum(Bytes& frame) {
        frame[24] = frame[25] = 0;
        const std::uint16_t checksum = internet_checksum(View(frame).subspan(14, 20));
        frame[24] = static_cast<std::uint8_t>(checksum >> 8U);
        frame[25] = static_cast<std::uint8_t>(checksum & 0xffU);
    }

    const Bytes borders_{0x00, 0x01, 0x04, 0x06, 0x11, 0x29, 0x2c, 0x2f, 0x45, 0x46, 0x60, 0x7f, 0x80, 0xff};
    std::vector<Bytes> originals_;
    std::mt19937_64 random_{20240917};
};

TEST_F(DecapTest, WhateverComesTheGuardHolds) {
    std::map<std::string, std::size_t> fates;
    Mutator mutator;
    for (std::size_t i = 0; i < mutants; ++i) {
        const Bytes frame = mutator.next();
        const Outcome outcome = decapsulator().receive(frame);
        ++fates[outcome.frame == frame ? outcome.fate : "unwrapped"];
        SCOPED_TRACE(testing::PrintToString(frame));
        if (outcome.frame == frame) {
            ASSERT_TRUE(outcome.fate == "pass" ||
                        (outcome.fate.starts_with("drop: ") && outcome.fate.find(',') == std::string::npos))
                << outcome.fate;
            continue;
        }
        ASSERT_EQ(outcome.fate, "pass");
        ASSERT_LT(outcome.frame.size(), frame.size());
        if (frame[12] == 0x81 || frame[12] == 0x88) continue;  // a tag would move everything else
        ASSERT_TRUE(may_come_in(frame));
        const View inner = View(outcome.frame).subspan(14);
        ASSERT_TRUE(std::ranges::equal(View(frame).first(12), View(outcome.frame).first(12)));
        ASSERT_TRUE(may_come_out(inner));
        ASSERT_TRUE(same_but_ecn(View(frame).last(inner.size()), inner));
    }
    // Otherwise the mutants are too uniform to prove anything.
    for (const char* fate :
         {"unwrapped", "pass", "drop: source", "drop: fragment", "drop: ip_checksum", "drop: truncated",
          "drop: udp_length", "drop: gre_flags", "drop: gue_flags", "drop: gue_version", "drop: geneve_control",
          "drop: vni", "drop: inner_protocol", "drop: inner_header", "drop: nested", "drop: no_vip", "drop: ecn"})
        EXPECT_GE(fates[fate], 5U) << fate;
    EXPECT_EQ(fates["drop: internal"], 0U);
}

}  // namespace
}  // namespace culvert::packet
