// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/packet/balancer.hpp"
#include "tests/packet/paths.hpp"

namespace culvert::packet {
namespace {

constexpr std::size_t mutants = 50'000;
constexpr std::size_t path_mtu = 1480;

unsigned u16_at(const Bytes& frame, std::size_t offset) { return frame.at(offset) << 8 | frame.at(offset + 1); }

bool is_for_vip4(const Bytes& frame) {
    return frame.size() >= 34 && u16_at(frame, 12) == 0x0800 && u16_at(frame, 30) == 0xc000 &&
           u16_at(frame, 32) == 0x0201;
}

bool is_for_vip6(const Bytes& frame) {
    static const Bytes vip = from_hex("20010db8000000000000000000000001");
    return frame.size() >= 54 && u16_at(frame, 12) == 0x86dd && std::equal(vip.begin(), vip.end(), frame.begin() + 38);
}

/// Whether the frame holds a whole TCP or UDP header of a service, `length` bytes of L4 from `offset`.
bool is_whole_l4(const Bytes& frame, std::size_t offset, std::size_t length, unsigned protocol) {
    if (protocol == 6)
        return length >= 20 && u16_at(frame, offset + 2) == 80 && frame.at(offset + 12) >> 4 >= 5 &&
               std::size_t{4} * (frame.at(offset + 12) >> 4) <= length;
    if (protocol == 17)
        return length >= 8 && u16_at(frame, offset + 2) == 53 && u16_at(frame, offset + 4) >= 8 &&
               u16_at(frame, offset + 4) <= length;
    return false;
}

/// The length of the IP packet in the frame, if it is one to forward: whole, for a service, valid, and not too long.
std::optional<std::size_t> packet_length(const Bytes& frame) {
    if (is_for_vip4(frame)) {
        const std::size_t length = u16_at(frame, 16);
        const bool valid = frame[14] == 0x45 && length >= 20 && 14 + length <= frame.size() && length <= path_mtu &&
                           internet_checksum(std::span(frame).subspan(14, 20)) == 0 &&
                           (u16_at(frame, 20) & 0x3fff) == 0 && frame[22] > 1 &&
                           is_whole_l4(frame, 34, length - 20, frame[23]);
        if (valid) return length;
    }
    if (is_for_vip6(frame)) {
        const std::size_t length = 40 + u16_at(frame, 18);
        const bool valid = frame[14] >> 4 == 6 && 14 + length <= frame.size() && length <= path_mtu && frame[21] > 1 &&
                           is_whole_l4(frame, 54, length - 40, frame[20]);
        if (valid) return length;
    }
    return std::nullopt;
}

/// The IP packet as a router passes it on.
Bytes routed(const Bytes& frame, std::size_t length) {
    Bytes packet(frame.begin() + 14, frame.begin() + 14 + static_cast<std::ptrdiff_t>(length));
    if (packet[0] >> 4 == 6) {
        --packet[7];
        return packet;
    }
    --packet[8];
    packet[10] = packet[11] = 0;
    const std::uint16_t checksum = internet_checksum(std::span(packet).first(20));
    packet[10] = static_cast<std::uint8_t>(checksum >> 8);
    packet[11] = static_cast<std::uint8_t>(checksum & 0xff);
    return packet;
}

class Mutator {
  public:
    Bytes next() {
        Bytes frame = pick(originals_);
        for (std::size_t changes = 1 + below(4); changes > 0; --changes) change(frame);
        if (frame.size() < 14) frame.resize(14);  // BPF_PROG_TEST_RUN takes no less
        if (frame.size() >= 34 && below(4) > 0) correct_ipv4_checksum(frame);
        return frame;
    }

  private:
    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }
    template <typename T>
    const T& pick(const std::vector<T>& from) {
        return from.at(below(from.size()));
    }

    void change(Bytes& frame) {
        if (frame.size() < 2) return;
        const std::size_t headers = std::min<std::size_t>(frame.size(), 80);
        const std::size_t at = below(below(8) ? headers : frame.size());
        switch (below(8)) {
            case 0:
                frame[at] = static_cast<std::uint8_t>(below(256));
                break;
            case 1:
                frame[at] = pick(borders_);
                break;
            case 2:
                frame[at] = static_cast<std::uint8_t>(frame[at] + below(2) * 2 - 1);
                break;
            case 3:
                frame.resize(at);
                break;
            case 4:
                frame.resize(frame.size() + below(80));
                break;
            case 5:
                frame.insert(frame.begin() + static_cast<std::ptrdiff_t>(at), 4, pick(borders_));
                break;
            case 6:
                frame.erase(frame.begin() + static_cast<std::ptrdiff_t>(at));
                break;
            default:
                frame[at] ^= static_cast<std::uint8_t>(1U << below(8));
        }
    }

    static void correct_ipv4_checksum(Bytes& frame) {
        frame[24] = frame[25] = 0;
        const std::uint16_t checksum = internet_checksum(std::span(frame).subspan(14, 20));
        frame[24] = static_cast<std::uint8_t>(checksum >> 8);
        frame[25] = static_cast<std::uint8_t>(checksum & 0xff);
    }

    const std::vector<std::uint8_t> borders_{0x00, 0x01, 0x04, 0x06, 0x11, 0x2c, 0x45, 0x46, 0x60, 0x7f, 0x80, 0xff};
    const std::vector<Bytes> originals_{
        (Ethernet() / IPv4() / TCP() / payload(20)).bytes(),
        (Ethernet() / IPv4() / TCP{.flags = syn, .options = Bytes(20, 1)}).bytes(),
        (Ethernet() / IPv4{.ttl = 2} / UDP() / payload(33)).bytes(),
        (Ethernet() / IPv4() / UDP{.checksum = 0} / payload(7)).bytes(),
        padded(Ethernet() / IPv4() / UDP() / payload(1)).bytes(),
        (Ethernet() / IPv6() / TCP() / payload(20)).bytes(),
        (Ethernet() / IPv6() / TCP{.flags = syn, .options = Bytes(20, 1)}).bytes(),
        (Ethernet() / IPv6{.hop_limit = 2} / UDP() / payload(33)).bytes(),
        (Ethernet() / IPv6() / UDP{.checksum = 0} / payload(7)).bytes(),
        (Ethernet() / IPv4() / TCP() / payload(1440)).bytes(),
        (Ethernet() / IPv6() / UDP() / payload(1433)).bytes(),
    };
    std::mt19937_64 random_{20240917};
};

/// Where the mutants go if they are forwarded; the client's IP packet follows `head` bytes.
struct Way {
    const char* name;
    lbd::Encap encap;
    std::size_t head;
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

class Mutants : public BalancerTest, public testing::WithParamInterface<Way> {};

INSTANTIATE_TEST_SUITE_P(By, Mutants,
                         testing::Values(Way{"L2", lbd::L2{}, 14}, Way{"GueOverIpv6", lbd::Gue{5080}, 14 + 40 + 8 + 4}),
                         [](const auto& way) { return way.param.name; });

TEST_P(Mutants, AreForwardedIfAndOnlyIfTheyAreWholeValidPacketsForAService) {
    Balancer balancer;
    const auto mtu = static_cast<std::uint16_t>(path_mtu + GetParam().head - 14);
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        install(balancer, {GetParam().encap, Family::ipv4, Family::ipv6, protocol}, 1, mtu);
        install(balancer, {GetParam().encap, Family::ipv6, Family::ipv6, protocol}, 2, mtu);
    }
    const auto head = static_cast<std::ptrdiff_t>(GetParam().head);

    std::map<std::string, std::size_t> fates;
    Mutator mutator;
    for (std::size_t i = 0; i < mutants; ++i) {
        const Bytes frame = mutator.next();
        const std::optional<std::size_t> length = packet_length(frame);
        const Outcome outcome = balancer.receive(frame);
        ++fates[outcome.fate];
        ASSERT_EQ(outcome.fate == "tx", length.has_value()) << outcome.fate << ": " << testing::PrintToString(frame);
        if (length) {
            ASSERT_GE(outcome.frame.size(), GetParam().head + *length);
            const Bytes inner(outcome.frame.begin() + head,
                              outcome.frame.begin() + head + static_cast<std::ptrdiff_t>(*length));
            ASSERT_EQ(inner, routed(frame, *length)) << testing::PrintToString(frame);
        } else if (outcome.fate == "pass") {
            ASSERT_EQ(outcome.frame, frame);
        } else {
            ASSERT_TRUE(is_for_vip4(frame) || is_for_vip6(frame)) << testing::PrintToString(frame);
            ASSERT_TRUE(outcome.fate.starts_with("drop: ") && outcome.fate.find(',') == std::string::npos)
                << outcome.fate;
        }
    }
    // Else the mutants are too much alike to prove anything.
    for (const char* fate : {"tx", "pass", "drop: truncated", "drop: ip_header", "drop: ip_options",
                             "drop: ip_checksum", "drop: fragment", "drop: l4_header", "drop: ttl", "drop: too_big"})
        EXPECT_GE(fates[fate], 10U) << fate;
}

}  // namespace
}  // namespace culvert::packet
