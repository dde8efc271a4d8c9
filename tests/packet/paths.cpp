// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/paths.hpp"

#include <ostream>
#include <utility>

namespace culvert::packet {
namespace {

using lbd::UdpChecksum;

constexpr std::uint16_t gue_port = 5080;
constexpr std::uint16_t fou_port = 5004;   // carries IPv4
constexpr std::uint16_t fou6_port = 5006;  // carries IPv6
constexpr std::uint8_t l3dsr_dscp = 10;

constexpr const char* balancer_mac = "02:00:00:00:00:02";
constexpr const char* next_mac = "02:00:00:00:00:03";

template <typename... Functions>
struct Overloaded : Functions... {
    using Functions::operator()...;
};

const char* client(Family family) { return family == Family::ipv4 ? "198.51.100.7" : "2001:db8:c::7"; }
const char* vip(Family family) { return family == Family::ipv4 ? "192.0.2.1" : "2001:db8::1"; }
const char* usual_own(Family family) { return family == Family::ipv4 ? "10.0.0.1" : "fd00::1"; }
const char* backend(Family family) { return family == Family::ipv4 ? "10.0.2.30" : "fd00:0:0:2::30"; }

Packet l4(const Path& path, const Sent& sent) {
    if (path.protocol == Protocol::tcp) return TCP{.source = sent.source_port, .flags = sent.tcp_flags} / sent.data;
    return UDP{.source = sent.source_port, .length = sent.udp_length, .checksum = sent.udp_checksum} / sent.data;
}

/// The client's IP header and what it carries.
Packet client_packet(const Path& path, const Sent& sent, const std::string& to, std::uint8_t tos, std::uint8_t ttl) {
    const std::string from = client(path.inner);
    if (path.inner == Family::ipv4)
        return IPv4{.source = from, .destination = to, .tos = tos, .ttl = ttl, .id = 0x5678} / l4(path, sent);
    return IPv6{.source = from, .destination = to, .traffic_class = tos, .flow_label = 0x9abcd, .hop_limit = ttl} /
           l4(path, sent);
}

Packet outer_ip(Family family, const std::string& from, std::uint8_t tos, std::uint32_t label) {
    if (family == Family::ipv4) return IPv4{.source = from, .destination = backend(family), .tos = tos};
    return IPv6{.source = from, .destination = backend(family), .traffic_class = tos, .flow_label = label};
}

/// Whether the sum of the client's packet can be told from its own checksum.
bool has_full_checksum(const Path& path, const Sent& sent) {
    if (path.protocol == Protocol::tcp) return true;
    return sent.udp_checksum != 0 &&
           sent.udp_length.value_or(8 + sent.data.content.size()) == 8 + sent.data.content.size();
}

UDP outer_udp(const Path& path, const Sent& sent, std::uint16_t port, std::uint16_t source) {
    UDP udp{.source = source, .destination = port};
    if (!has_outer_checksum(path) || (path.outer == Family::ipv4 && !has_full_checksum(path, sent))) udp.checksum = 0;
    return udp;
}

std::string checksum_name(UdpChecksum checksum) {
    if (checksum == UdpChecksum::automatic) return {};
    return checksum == UdpChecksum::on ? "_checksum_on" : "_checksum_off";
}

}  // namespace

std::vector<Path> all_paths() {
    std::vector<lbd::Encap> encaps{lbd::L2{}, lbd::L3dsr{l3dsr_dscp}, lbd::Ipip{}, lbd::Gre{}};
    for (const auto checksum : {UdpChecksum::automatic, UdpChecksum::on, UdpChecksum::off}) {
        encaps.emplace_back(lbd::Fou{fou_port, checksum});
        encaps.emplace_back(lbd::Gue{gue_port, checksum});
    }
    std::vector<Path> paths;
    for (const lbd::Encap& encap : encaps)
        for (const Family inner : {Family::ipv4, Family::ipv6})
            for (const Family outer : {Family::ipv4, Family::ipv6})
                for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
                    Path path{encap, inner, outer, protocol};
                    if (!is_tunnel(path) && inner != outer) continue;
                    if (auto* fou = std::get_if<lbd::Fou>(&path.encap); fou && inner == Family::ipv6)
                        fou->port = fou6_port;
                    paths.push_back(path);
                }
    return paths;
}

bool is_tunnel(const Path& path) {
    return !std::holds_alternative<lbd::L2>(path.encap) && !std::holds_alternative<lbd::L3dsr>(path.encap);
}

bool has_outer_udp(const Path& path) {
    return std::holds_alternative<lbd::Fou>(path.encap) || std::holds_alternative<lbd::Gue>(path.encap);
}

bool has_outer_checksum(const Path& path) {
    if (!has_outer_udp(path)) return false;
    const auto* fou = std::get_if<lbd::Fou>(&path.encap);
    const UdpChecksum wanted = fou ? fou->checksum : std::get<lbd::Gue>(path.encap).checksum;
    return wanted == UdpChecksum::on || (wanted == UdpChecksum::automatic && path.outer == Family::ipv6);
}

std::string name(const Path& path) {
    const std::string encap = std::visit(Overloaded{
                                             [](const lbd::L2&) -> std::string { return "l2"; },
                                             [](const lbd::L3dsr&) -> std::string { return "l3dsr"; },
                                             [](const lbd::Ipip&) -> std::string { return "ipip"; },
                                             [](const lbd::Gre&) -> std::string { return "gre"; },
                                             [](const lbd::Fou& fou) { return "fou" + checksum_name(fou.checksum); },
                                             [](const lbd::Gue& gue) { return "gue" + checksum_name(gue.checksum); },
                                         },
                                         path.encap);
    return encap + '_' + std::string(netlink::name(path.inner)) + "_in_" + std::string(netlink::name(path.outer)) +
           (path.protocol == Protocol::tcp ? "_tcp" : "_udp");
}

void PrintTo(const Path& path, std::ostream* out) { *out << name(path); }

lb_dest_body body(const Path& path, std::uint16_t mtu, const std::string& own) {
    const lbd::NextHop next{.ifindex = 1,
                            .source = netlink::MacAddress::parse(balancer_mac).value(),
                            .destination = netlink::MacAddress::parse(next_mac).value(),
                            .from = netlink::IpAddress::parse(own.empty() ? usual_own(path.outer) : own).value(),
                            .mtu = mtu};
    return lbd::make_body(path.encap, path.inner, netlink::IpAddress::parse(backend(path.outer)).value(), next);
}

void install(Balancer& balancer, const Path& path, std::uint16_t dest, std::uint16_t mtu) {
    balancer.set_dest(dest, body(path, mtu));
    balancer.serve(vip(path.inner), path.protocol, path.protocol == Protocol::tcp ? 80 : 53, {dest});
}

Packet sent_frame(const Path& path, const Sent& sent) {
    return Ethernet() / client_packet(path, sent, vip(path.inner), sent.tos, sent.ttl);
}

Entropy entropy_of(const Path& path, const Bytes& frame) {
    const bool is_ipv6 = path.outer == Family::ipv6;
    const std::size_t udp = is_ipv6 ? 14 + 40 : 14 + 20;
    Entropy entropy;
    if (has_outer_udp(path)) entropy.source_port = static_cast<std::uint16_t>(frame.at(udp) << 8 | frame.at(udp + 1));
    if (is_tunnel(path) && is_ipv6)
        entropy.flow_label = static_cast<std::uint32_t>((frame.at(15) & 0xf) << 16 | frame.at(16) << 8 | frame.at(17));
    return entropy;
}

Packet forwarded_frame(const Path& path, const Sent& sent, const Entropy& entropy, const std::string& own) {
    const std::string from = own.empty() ? usual_own(path.outer) : own;
    const Packet ethernet = Ethernet{.source = balancer_mac, .destination = next_mac};
    const auto ttl = static_cast<std::uint8_t>(sent.ttl - 1);
    const Packet inner = client_packet(path, sent, vip(path.inner), sent.tos, ttl);
    const Packet outer = ethernet / outer_ip(path.outer, from, sent.tos, entropy.flow_label);
    return std::visit(
        Overloaded{
            [&](const lbd::L2&) { return ethernet / inner; },
            [&](const lbd::L3dsr& l3dsr) {
                const auto tos = static_cast<std::uint8_t>(l3dsr.dscp << 2 | (sent.tos & 3));
                return ethernet / client_packet(path, sent, backend(path.inner), tos, ttl);
            },
            [&](const lbd::Ipip&) { return outer / inner; },
            [&](const lbd::Gre&) { return outer / Gre() / inner; },
            [&](const lbd::Fou& fou) { return outer / outer_udp(path, sent, fou.port, entropy.source_port) / inner; },
            [&](const lbd::Gue& gue) {
                return outer / outer_udp(path, sent, gue.port, entropy.source_port) / Gue() / inner;
            },
        },
        path.encap);
}

}  // namespace culvert::packet
