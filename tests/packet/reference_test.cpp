// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/reference.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "lbd/plan/template.hpp"
#include "tests/packet/balancer.hpp"
#include "tests/packet/paths.hpp"

namespace culvert::packet {
namespace {

constexpr std::uint32_t buckets = 16;  // few, so that flows evict others
constexpr std::uint32_t other_interface = 7;
constexpr std::uint32_t closed_interface = 8;

/// CULVERT_PACKETS sets the number; the default keeps the test short.
std::size_t packets() {
    const char* text = std::getenv("CULVERT_PACKETS");
    return text == nullptr ? 50'000 : std::stoul(text);
}

class Dice {
  public:
    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }
    bool one_in(std::size_t times) { return below(times) == 0; }
    template <typename T>
    const T& pick(const std::vector<T>& from) {
        return from.at(below(from.size()));
    }
    std::uint8_t byte() { return static_cast<std::uint8_t>(below(256)); }

  private:
    std::mt19937_64 random_{20240917};
};

/// Balancer and reference with the same configuration.
struct Both {
    explicit Both(const lb_config& config)
        : balancer(config, buckets), reference(config, buckets), has_vlans_(config.vlan != 0) {}

    Balancer balancer;
    Reference reference;

    void set_dest(std::uint32_t id, const lb_dest_body& body) {
        balancer.set_dest(id, body);
        reference.set_dest(id, body);
    }
    void serve(const char* vip, Protocol protocol, std::uint16_t port, const std::vector<std::uint16_t>& ring,
               std::uint32_t flags = 0) {
        balancer.serve(vip, protocol, port, ring, flags);
        reference.serve(vip, protocol, port, ring, flags);
    }

    /// Adds every encapsulation for packets of the family, some with tags, a low path MTU or another interface; and
    /// destinations that are unreachable. Returns their ids.
    std::vector<std::uint16_t> set_dests(Family family) {
        std::vector<std::uint16_t> ids;
        for (const Path& path : all_paths()) {
            if (path.inner != family || path.protocol != Protocol::tcp) continue;
            const std::uint16_t id = ++last_id_;
            lbd::NextHop next = next_hop(path);
            if (has_vlans_ && id % 3 == 0) next.tags = {{.id = 100}};
            if (has_vlans_ && id % 6 == 0) next.tags = {{.id = 200, .protocol = 0x88a8}, {.id = 100}};
            if (id % 5 == 0) next.mtu = 1480;
            if (id % 7 == 0) next.ifindex = other_interface;
            if (id % 31 == 0) next.ifindex = closed_interface;
            lb_dest_body dest = body(path, next);
            if (id % 4 == 0) dest.flags |= LB_DEST_SORRY;
            set_dest(id, dest);
            ids.push_back(id);
        }
        set_dest(++last_id_, lbd::drop_body(LB_DROP_NO_NEIGHBOUR));
        ids.push_back(last_id_);
        ids.push_back(++last_id_);  // and one that does not exist
        return ids;
    }

    void set_services() {
        balancer.open_port(other_interface);
        reference.open_port(other_interface);
        const auto four = set_dests(Family::ipv4), six = set_dests(Family::ipv6);
        serve("192.0.2.1", Protocol::tcp, 80, four);
        serve("192.0.2.1", Protocol::udp, 53, four);
        serve("192.0.2.1", Protocol::sctp, 9899, four);
        serve("192.0.2.1", Protocol::tcp, 81, {});
        serve("192.0.2.2", Protocol::tcp, 0, four, LB_SERVICE_STICKY);
        serve("192.0.2.2", Protocol::udp, 53, four, LB_SERVICE_STICKY);
        serve("198.18.0.0/16", Protocol::tcp, 80, four);
        serve("198.18.4.0/24", Protocol::udp, 53, four);
        serve("198.18.4.4", Protocol::tcp, 81, four);
        serve("2001:db8::1", Protocol::tcp, 80, six);
        serve("2001:db8::1", Protocol::udp, 53, six);
        serve("2001:db8::1", Protocol::sctp, 9899, six);
        serve("2001:db8::2", Protocol::tcp, 0, six, LB_SERVICE_STICKY);
        serve("2001:db8:1::/48", Protocol::udp, 53, six);
        serve("2001:db8:1:4::/64", Protocol::tcp, 80, six);
    }

  private:
    bool has_vlans_;
    std::uint16_t last_id_ = 0;
};

/// Packets that clients, routers and attackers might send.
class Generator {
  public:
    Bytes next() {
        const bool v6 = dice_.one_in(2);
        Packet packet = Ethernet{.destination = dice_.one_in(40) ? dice_.pick(others_) : "02:00:00:00:00:02"};
        const std::size_t tags = dice_.one_in(3) ? 1 + dice_.below(dice_.one_in(10) ? 3 : 2) : 0;
        for (std::size_t i = 0; i < tags; ++i)
            packet =
                packet / Vlan{static_cast<std::uint16_t>(dice_.one_in(2) ? dice_.below(8) << 13 : dice_.below(4096)),
                              static_cast<std::uint16_t>(dice_.one_in(2) ? 0x8100 : 0x88a8)};
        packet = packet / (v6 ? ipv6() : ipv4());
        if (dice_.one_in(8)) packet = packet / Padding{dice_.below(40)};
        Bytes frame = packet.bytes();
        if (dice_.one_in(2)) {
            for (std::size_t changes = 1 + dice_.below(4); changes > 0; --changes) mutate(frame);
            if (frame.size() < 14) frame.resize(14);  // the minimum of BPF_PROG_TEST_RUN
            const std::size_t ip = 14 + 4 * tags;
            if (!v6 && frame.size() >= ip + 20 && !dice_.one_in(4)) correct_ipv4_checksum(frame, ip);
        }
        return frame;
    }

  private:
    std::uint16_t port() { return static_cast<std::uint16_t>(40000 + dice_.below(20)); }
    std::string client4() { return dice_.pick<std::string>(dice_.one_in(60) ? strange4_ : clients4_); }
    std::string client6() { return dice_.pick<std::string>(dice_.one_in(60) ? strange6_ : clients6_); }
    Payload data() {
        if (dice_.one_in(2)) return payload(1380 + dice_.below(120));
        return payload(dice_.below(60));
    }

    Packet l4() {
        const auto to = dice_.pick<std::uint16_t>({80, 80, 53, 53, 9899, 81, 7});
        switch (dice_.below(8)) {
            case 0:
            case 1:
            case 2:
                return TCP{.source = port(),
                           .destination = to,
                           .flags = dice_.pick<unsigned>({ack, ack, ack, syn, syn | ack, fin | ack, rst}),
                           .options = Bytes(4 * dice_.below(4), 1)} /
                       data();
            case 3:
            case 4:
            case 5: {
                UDP udp{.source = port(), .destination = to};
                Payload content = data();
                if (dice_.one_in(5)) udp.checksum = 0;
                if (dice_.one_in(10) && !content.content.empty()) udp.length = 8;
                return udp / content;
            }
            case 6:
                return SCTP{
                           .source = port(), .destination = 9899, .chunk = dice_.pick<std::uint8_t>({0, 0, 1, 6, 14})} /
                       data();
            default:
                return Payload{Bytes(dice_.below(64))};
        }
    }

    /// A packet from a VIP, as an ICMP error quotes it.
    Packet quote(const Packet& ip) {
        const auto from = dice_.pick<std::uint16_t>({80, 53, 9899, 81});
        const std::size_t most = dice_.one_in(3) ? 1460 : dice_.below(4) * 30;
        if (dice_.one_in(3)) return ip / UDP{.source = from, .destination = port()} / payload(most);
        if (dice_.one_in(4)) return ip / SCTP{.source = from, .destination = port()} / payload(most);
        return ip / TCP{.source = from, .destination = port()} / payload(most);
    }

    Packet ipv4() {
        IPv4 ip{.source = client4(),
                .destination = dice_.pick<std::string>(vips4_),
                .tos = dice_.byte(),
                .ttl = dice_.pick<std::uint8_t>({64, 64, 64, 255, 2, 1, 0}),
                .id = static_cast<std::uint16_t>(dice_.below(8)),
                .fragment = static_cast<std::uint16_t>(dice_.one_in(2) ? 0x4000 : 0)};
        if (dice_.one_in(40)) ip.options = Bytes(4, 1);
        if (dice_.one_in(60)) return ip / Icmp{.type = 8} / Payload{Bytes(dice_.below(8))};
        if (dice_.one_in(12)) return ip / Icmp{.type = 8, .parameter = 0x12340001} / data();
        if (dice_.one_in(8)) {
            IPv4 sent{.source = dice_.one_in(20) ? "192.0.2.77" : ip.destination, .destination = client4()};
            sent.options = Bytes(4 * (dice_.one_in(4) ? dice_.below(10) : 0), 1);
            sent.fragment = dice_.pick<std::uint16_t>({0x4000, 0x4000, 0, 0x2000, 0x2010, 0x0010});
            return ip / Icmp{.type = dice_.pick<std::uint8_t>({3, 3, 3, 11, 12, 0, 5}), .code = 4, .parameter = 1400} /
                   quote(sent);
        }
        if (dice_.one_in(5)) {
            ip.fragment = dice_.pick<std::uint16_t>({0x2000, 0x2000, 0x0010, 0x2010, 0x0001});
            if ((ip.fragment & 0x1fff) != 0) {
                ip.protocol = dice_.pick<std::uint8_t>({6, 17, 17, 132, 1, 50});
                return ip / data();
            }
        }
        return ip / l4();
    }

    Packet ipv6() {
        IPv6 ip{.source = client6(),
                .destination = dice_.pick<std::string>(vips6_),
                .traffic_class = dice_.byte(),
                .flow_label = static_cast<std::uint32_t>(dice_.below(1U << 20)),
                .hop_limit = dice_.pick<std::uint8_t>({64, 64, 64, 255, 2, 1, 0})};
        Packet packet = ip;
        if (dice_.one_in(6))
            for (std::size_t count = 1 + dice_.below(dice_.one_in(8) ? 6 : 3); count > 0; --count)
                packet = packet / extension();
        if (dice_.one_in(40)) packet = packet / Extension{.number = 43, .content = {0, 1, 0, 0, 0, 0}};
        if (dice_.one_in(12)) return packet / Icmp6{.type = 128, .parameter = 0x12340001} / data();
        if (dice_.one_in(8)) {
            IPv6 sent{.source = dice_.one_in(20) ? "2001:db8::77" : ip.destination, .destination = client6()};
            Packet headers = sent;
            for (std::size_t count = dice_.one_in(3) ? 1 + dice_.below(dice_.one_in(8) ? 5 : 2) : 0; count > 0; --count)
                headers = headers / extension();
            if (dice_.one_in(3)) headers = headers / fragment_header();
            return packet / Icmp6{.type = dice_.pick<std::uint8_t>({1, 2, 2, 3, 4, 0, 135}), .parameter = 1400} /
                   quote(headers);
        }
        if (dice_.one_in(5)) {
            const Extension fragment = fragment_header();
            packet = packet / fragment;
            if (fragment.content[1] > 1) return packet / data();
        }
        return packet / l4();
    }

    Extension extension() {
        return {.number = dice_.pick<std::uint8_t>({0, 60, 60, 43, 135, 139, 140, 51}),
                .content = Bytes(dice_.pick<std::size_t>({6, 6, 14, 38, 102}))};
    }
    Extension fragment_header() {
        const auto offset = dice_.pick<std::uint8_t>({0, 0, 0, 8, 16});
        const auto more = static_cast<std::uint8_t>(dice_.below(2));
        const auto id = static_cast<std::uint8_t>(dice_.below(8));
        return {44, {0, static_cast<std::uint8_t>(offset | more), 0, 0, 0, id}};
    }

    void mutate(Bytes& frame) {
        if (frame.size() < 2) return;
        const std::size_t headers = std::min<std::size_t>(frame.size(), 110);
        const std::size_t at = dice_.below(dice_.one_in(8) ? frame.size() : headers);
        switch (dice_.below(8)) {
            case 0:
                frame[at] = dice_.byte();
                break;
            case 1:
                frame[at] = dice_.pick(borders_);
                break;
            case 2:
                frame[at] = static_cast<std::uint8_t>(frame[at] + dice_.below(2) * 2 - 1);
                break;
            case 3:
                frame.resize(at);
                break;
            case 4:
                frame.resize(frame.size() + dice_.below(80));
                break;
            case 5:
                frame.insert(frame.begin() + static_cast<std::ptrdiff_t>(at), 4, dice_.pick(borders_));
                break;
            case 6:
                frame.erase(frame.begin() + static_cast<std::ptrdiff_t>(at));
                break;
            default:
                frame[at] ^= static_cast<std::uint8_t>(1U << dice_.below(8));
        }
    }

    static void correct_ipv4_checksum(Bytes& frame, std::size_t ip) {
        frame[ip + 10] = frame[ip + 11] = 0;
        const std::uint16_t checksum = internet_checksum(std::span(frame).subspan(ip, 20));
        frame[ip + 10] = static_cast<std::uint8_t>(checksum >> 8);
        frame[ip + 11] = static_cast<std::uint8_t>(checksum & 0xff);
    }

    const std::vector<std::string> others_{"ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01",
                                           "02:00:00:00:00:03"};
    const std::vector<std::string> clients4_{"198.51.100.7", "198.51.100.8", "203.0.113.200"};
    const std::vector<std::string> strange4_{"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"};
    const std::vector<std::string> clients6_{"2001:db8:c::7", "2001:db8:c::8", "fe80::1"};
    const std::vector<std::string> strange6_{"::", "::1", "ff02::1"};
    const std::vector<std::string> vips4_{"192.0.2.1",  "192.0.2.1",  "192.0.2.2", "198.18.0.9",
                                          "198.18.4.9", "198.18.4.4", "192.0.2.99"};
    const std::vector<std::string> vips6_{"2001:db8::1",   "2001:db8::1",     "2001:db8::2",
                                          "2001:db8:1::9", "2001:db8:1:4::9", "2001:db8::99"};
    const std::vector<std::uint8_t> borders_{0x00, 0x01, 0x04, 0x06, 0x11, 0x2c, 0x45, 0x46, 0x60, 0x7f, 0x80, 0xff};
    Dice dice_;
};

class Property : public BalancerTest, public testing::WithParamInterface<bool> {};

INSTANTIATE_TEST_SUITE_P(VlanDevices, Property, testing::Bool(),
                         [](const auto& are_there) { return are_there.param ? "AreThere" : "AreNot"; });

TEST_P(Property, EveryPacketBecomesWhatThePlainReferenceMakesOfIt) {
    lb_config config = all_on();
    config.vlan = GetParam() ? 1 : 0;
    Both both(config);
    both.set_services();
    Generator generator;
    std::map<std::string, std::size_t> fates;
    for (std::size_t i = 0; i < packets(); ++i) {
        const Bytes frame = generator.next();
        const Outcome expected = both.reference.receive(frame), outcome = both.balancer.receive(frame);
        ASSERT_EQ(outcome.fate, expected.fate) << "packet " << i << ": " << to_hex(frame);
        if (!outcome.fate.starts_with("drop")) {
            ASSERT_EQ(to_hex(outcome.frame), to_hex(expected.frame)) << "packet " << i << ": " << to_hex(frame);
        }
        ++fates[outcome.fate];
    }
    for (std::uint32_t i = 0; i < buckets; ++i) EXPECT_EQ(entries(both.balancer, i), both.reference.bucket(i));
    for (std::uint32_t id = 1; id < 128; ++id) {
        const lb_counters counted = both.balancer.counters(id), expected = both.reference.counters(id);
        EXPECT_EQ(counted.packets, expected.packets) << id;
        EXPECT_EQ(counted.bytes, expected.bytes) << id;
        EXPECT_EQ(counted.flows, expected.flows) << id;
    }
    // Otherwise the packets are too uniform to prove anything.
    for (const char* fate :
         {"tx", "redirect", "pass", "answered: ttl", "answered: too_big", "drop: truncated", "drop: ip_header",
          "drop: ip_options", "drop: ip_checksum", "drop: fragment", "drop: l4_header", "drop: ttl", "drop: too_big",
          "drop: no_backend", "drop: no_neighbour", "drop: no_interface"})
        EXPECT_GE(fates[fate], packets() / 10'000) << fate;
}

}  // namespace
}  // namespace culvert::packet
