// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <span>
#include <thread>

#include "tests/packet/balancer.hpp"
#include "tests/packet/flows.hpp"
#include "tests/packet/maps.hpp"
#include "tests/packet/paths.hpp"

/// Packets with the sum of the pseudo-header in the checksum field, as a sender leaves them to its card.
namespace culvert::packet {
namespace {

/// For an untagged frame without IP options and extension headers.
std::size_t l4_offset(const Bytes& frame) { return frame.at(12) == 0x08 ? 14 + 20 : 14 + 40; }
std::size_t checksum_offset(Protocol protocol) { return protocol == Protocol::tcp ? 16 : 6; }

void put(Bytes& frame, std::size_t at, std::uint16_t value) {
    frame.at(at) = static_cast<std::uint8_t>(value >> 8);
    frame.at(at + 1) = static_cast<std::uint8_t>(value);
}

/// The sum of the pseudo-header, which the checksum field has until somebody completes it.
std::uint16_t pseudo_sum(const Bytes& frame, std::size_t l4, Protocol protocol) {
    const bool is_ipv4 = frame.at(12) == 0x08;
    const std::size_t addresses = is_ipv4 ? 14 + 12 : 14 + 8, length = frame.size() - l4;
    Bytes header(frame.begin() + static_cast<std::ptrdiff_t>(addresses),
                 frame.begin() + static_cast<std::ptrdiff_t>(addresses + (is_ipv4 ? 8 : 32)));
    header.resize(header.size() + 4);
    put(header, header.size() - 4, static_cast<std::uint16_t>(protocol));
    put(header, header.size() - 2, static_cast<std::uint16_t>(length));
    return static_cast<std::uint16_t>(~internet_checksum(header));
}

Bytes unfinished(Bytes frame, std::size_t l4, Protocol protocol) {
    put(frame, l4 + checksum_offset(protocol), pseudo_sum(frame, l4, protocol));
    return frame;
}

/// Completes the checksum as the kernel or a card does (skb_checksum_help). The position of the L4 header in the
/// received frame counts from the end.
Bytes finished(Bytes frame, std::size_t from_end, Protocol protocol) {
    const std::size_t l4 = frame.size() - from_end;
    const std::uint16_t sum = internet_checksum(std::span(frame).subspan(l4));
    put(frame, l4 + checksum_offset(protocol), sum == 0 && protocol == Protocol::udp ? 0xffff : sum);
    return frame;
}

/// Two bytes that make the packet's checksum equal to its pseudo-header's sum.
Payload lookalike(const Path& path) {
    Bytes frame = sent_frame(path, {.data = {{0, 0}}}).bytes();
    const std::size_t field = l4_offset(frame) + checksum_offset(path.protocol);
    const std::uint32_t base = static_cast<std::uint32_t>(frame[field] << 8 | frame[field + 1]);
    const std::uint32_t word = (base + 0xffff - pseudo_sum(frame, l4_offset(frame), path.protocol)) % 0xffff;
    return {{static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)}};
}

class Unfinished : public BalancerTest, public testing::WithParamInterface<Path> {
  protected:
    void SetUp() override {
        BalancerTest::SetUp();
        if (!IsSkipped()) install(shared(), GetParam());
    }
    void TearDown() override {
        if (!IsSkipped()) shared().set_unfinished(LB_UNFINISHED_NEVER);
    }

    static void expect(const Sent& sent, const Bytes& frame) {
        EXPECT_TRUE(same(forwarded_frame(GetParam(), sent, entropy_of(GetParam(), frame)), frame));
    }
};

INSTANTIATE_TEST_SUITE_P(Matrix, Unfinished, testing::ValuesIn(all_paths()),
                         [](const auto& path) { return name(path.param); });

TEST_P(Unfinished, IsFinishedWhereNobodyElseDoes) {
    shared().set_unfinished(LB_UNFINISHED_HERE);
    for (const std::size_t size : {0, 1, 2, 31, 32, 33, 1399, 1400}) {
        const Sent sent{.data = payload(size)};
        const Bytes frame = sent_frame(GetParam(), sent).bytes();
        const Outcome outcome = shared().receive(unfinished(frame, l4_offset(frame), GetParam().protocol));
        ASSERT_EQ(outcome.fate, "tx") << size;
        expect(sent, outcome.frame);
    }
}

TEST_P(Unfinished, IsLeftSoThatWhoFinishesItGetsItRight) {
    shared().set_unfinished(LB_UNFINISHED_KERNEL);
    for (const std::size_t size : {0, 1, 2, 31, 32, 33, 1399, 1400}) {
        const Sent sent{.data = payload(size)};
        const Bytes frame = sent_frame(GetParam(), sent).bytes();
        const std::size_t l4 = l4_offset(frame);
        const Outcome outcome = shared().receive(unfinished(frame, l4, GetParam().protocol));
        ASSERT_EQ(outcome.fate, "tx") << size;
        expect(sent, finished(outcome.frame, frame.size() - l4, GetParam().protocol));
    }
}

TEST_P(Unfinished, IsNotWhatOnlyLooksLikeIt) {
    const Sent sent{.data = lookalike(GetParam())};
    const Bytes frame = sent_frame(GetParam(), sent).bytes();
    ASSERT_EQ(frame, unfinished(frame, l4_offset(frame), GetParam().protocol));
    for (const lb_unfinished who : {LB_UNFINISHED_NEVER, LB_UNFINISHED_KERNEL, LB_UNFINISHED_HERE}) {
        shared().set_unfinished(who);
        const Outcome outcome = shared().receive(frame);
        ASSERT_EQ(outcome.fate, "tx");
        expect(sent, outcome.frame);
    }
}

TEST_P(Unfinished, FinishedOnesAreAsEver) {
    for (const lb_unfinished who : {LB_UNFINISHED_KERNEL, LB_UNFINISHED_HERE}) {
        shared().set_unfinished(who);
        const Sent sent{.data = payload(100)};
        const Outcome outcome = shared().receive(sent_frame(GetParam(), sent));
        ASSERT_EQ(outcome.fate, "tx");
        expect(sent, outcome.frame);
    }
}

class UnfinishedBehindExtensions : public Unfinished {};

std::vector<Path> tunnels_of_ipv6() {
    std::vector<Path> paths = all_paths();
    std::erase_if(paths, [](const Path& path) { return path.inner != Family::ipv6 || !is_tunnel(path); });
    return paths;
}

INSTANTIATE_TEST_SUITE_P(Matrix, UnfinishedBehindExtensions, testing::ValuesIn(tunnels_of_ipv6()),
                         [](const auto& path) { return name(path.param); });

// The outer checksum of a packet with extension headers can't be derived from others, so all bytes are summed.
TEST_P(UnfinishedBehindExtensions, IsFinishedToo) {
    const Path& path = GetParam();
    const auto packet = [&](std::uint8_t hops) {
        const Packet ip = IPv6{.hop_limit = hops} / Extension{60};
        return path.protocol == Protocol::tcp ? ip / TCP() / payload(77) : ip / UDP() / payload(77);
    };
    const Bytes whole = (Ethernet() / packet(64)).bytes();
    const std::size_t l4 = 14 + 40 + 8, from_end = whole.size() - l4;
    shared().set_unfinished(LB_UNFINISHED_NEVER);
    const Bytes expected = shared().receive(whole).frame;
    shared().set_unfinished(LB_UNFINISHED_HERE);
    EXPECT_EQ(to_hex(shared().receive(unfinished(whole, l4, path.protocol)).frame), to_hex(expected));
    shared().set_unfinished(LB_UNFINISHED_KERNEL);
    EXPECT_EQ(to_hex(finished(shared().receive(unfinished(whole, l4, path.protocol)).frame, from_end, path.protocol)),
              to_hex(expected));
}

class UnfinishedQuote : public BalancerTest {};

TEST_F(UnfinishedQuote, HasAChecksumThatAddsUpOnceItIsFinished) {
    Balancer balancer;
    install(balancer, {lbd::Ipip{}, Family::ipv4, Family::ipv6, Protocol::tcp}, 1, 1400);
    install(balancer, {lbd::Ipip{}, Family::ipv6, Family::ipv6, Protocol::udp}, 2, 1400);
    const auto expect_answer = [&](const Packet& packet, Protocol protocol, std::size_t icmp, const char* fate) {
        const Bytes frame = packet.bytes();
        const std::size_t l4 = l4_offset(frame);
        balancer.set_unfinished(LB_UNFINISHED_NEVER);
        const Outcome right = balancer.receive(frame);
        ASSERT_EQ(right.fate, fate);
        for (const lb_unfinished who : {LB_UNFINISHED_KERNEL, LB_UNFINISHED_HERE}) {
            balancer.set_unfinished(who);
            Outcome outcome = balancer.receive(unfinished(frame, l4, protocol));
            ASSERT_EQ(outcome.fate, fate);
            ASSERT_EQ(outcome.frame.size(), right.frame.size());
            if (who == LB_UNFINISHED_KERNEL)
                outcome.frame = finished(outcome.frame, outcome.frame.size() - icmp - 8 - l4 + 14, protocol);
            if (frame.at(12) == 0x08) {
                EXPECT_EQ(internet_checksum(std::span(outcome.frame).subspan(icmp)), 0);
                continue;
            }
            Bytes covered(outcome.frame.begin() + 14 + 8, outcome.frame.begin() + 14 + 40);
            covered.insert(covered.end(), {0, 58});
            covered.insert(covered.end(), outcome.frame.begin() + 18, outcome.frame.begin() + 20);
            covered.insert(covered.end(), outcome.frame.begin() + 14 + 40, outcome.frame.end());
            EXPECT_EQ(internet_checksum(covered), 0);
        }
    };
    expect_answer(Ethernet() / IPv4() / TCP() / payload(1401), Protocol::tcp, 14 + 20, "answered: too_big");
    expect_answer(Ethernet() / IPv4{.ttl = 1} / TCP() / payload(33), Protocol::tcp, 14 + 20, "answered: ttl");
    expect_answer(Ethernet() / IPv6() / UDP() / payload(1401), Protocol::udp, 14 + 40, "answered: too_big");
    expect_answer(Ethernet() / IPv6{.hop_limit = 1} / UDP() / payload(33), Protocol::udp, 14 + 40, "answered: ttl");
}

class UnfinishedSctp : public BalancerTest {};

TEST_F(UnfinishedSctp, IsDroppedWhereNobodyElseFinishesIt) {
    Balancer balancer;
    balancer.set_dest(1, body({lbd::Ipip{}, Family::ipv4, Family::ipv4, Protocol::tcp}));
    balancer.serve("192.0.2.1", Protocol::sctp, 9899, {1});
    Bytes frame = (Ethernet() / IPv4() / SCTP() / payload(40)).bytes();
    balancer.set_unfinished(LB_UNFINISHED_KERNEL);
    EXPECT_EQ(balancer.receive(frame).fate, "tx");
    balancer.set_unfinished(LB_UNFINISHED_HERE);
    EXPECT_EQ(balancer.receive(frame).fate, "drop: unfinished");
    frame.at(14 + 20 + 8) = 1;
    EXPECT_EQ(balancer.receive(frame).fate, "tx");
}

class Merged : public BalancerTest {};

/// In a network namespace of its own, whose lo has MTU `mtu`.
template <typename Do>
void with_mtu(int mtu, const Do& act) {
    std::thread([&] {
        check(unshare(CLONE_NEWNET), "unshare");
        const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ifreq request{};
        request.ifr_name[0] = 'l';
        request.ifr_name[1] = 'o';
        request.ifr_mtu = mtu;
        check(ioctl(socket, SIOCSIFMTU, &request), "SIOCSIFMTU");
        close(socket);
        act();
    }).join();
}

TEST_F(Merged, IsNoReasonToTellAClientWhatFits) {
    Balancer balancer;
    install(balancer, {lbd::L2{}, Family::ipv4, Family::ipv4, Protocol::tcp}, 1, 1400);
    install(balancer, {lbd::L2{}, Family::ipv6, Family::ipv6, Protocol::udp}, 2, 9000);
    const auto tcp = [&](std::size_t size) {
        return balancer.receive(Ethernet() / IPv4() / TCP() / payload(size - 40)).fate;
    };
    const auto udp = [&](std::size_t size) {
        return balancer.receive(Ethernet() / IPv6() / UDP() / payload(size - 48)).fate;
    };
    with_mtu(1500, [&] {
        EXPECT_EQ(tcp(1400), "tx");
        EXPECT_EQ(tcp(1401), "answered: too_big");
        EXPECT_EQ(tcp(1500), "answered: too_big");
        EXPECT_EQ(tcp(1501), "drop: merged");
        EXPECT_EQ(tcp(2800), "drop: merged");
        EXPECT_EQ(udp(2800), "tx");
        balancer.set_unfinished(LB_UNFINISHED_KERNEL);  // generic XDP: the frame would leave incomplete
        EXPECT_EQ(tcp(1400), "tx");
        EXPECT_EQ(udp(1500), "tx");
        EXPECT_EQ(udp(1501), "drop: merged");
    });
}

}  // namespace
}  // namespace culvert::packet
