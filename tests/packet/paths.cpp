// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/paths.hpp"

#include <ostream>
#include <utility>

namespace culvert::packet {
namespace {

using lbd::UdpChecksum;

constexpr std::uint16_t gue_port = 5080;
constexpr std::uint16_t gue1_port = 5081;  // tshark doesn't support variant 1, so each family has a port, as with FOU
constexpr std::uint16_t gue1_port6 = 5082;
constexpr std::uint16_t fou_port = 5004;   // carries IPv4
constexpr std::uint16_t fou6_port = 5006;  // carries IPv6
constexpr std::uint16_t gre_port = 5047;   // carries GRE
constexpr std::uint8_t l3dsr_dscp = 10;

constexpr const char* balancer_mac = "02:00:00:00:00:02";
constexpr const char* next_mac = "02:00:00:00:00:03";
constexpr const char* device_mac = "02:00:00:00:00:09";  // of the backend's Geneve device

template <typename... Functions>
struct Overloaded : Functions... {
    using Functions::operator()...;
};

const char* client(Family family) { return family == Family::ipv4 ? "198.51.100.7" : "2001:db8:c::7"; }
const char* vip(Family family) { return family == Family::ipv4 ? "192.0.2.1" : "2001:db8::1"; }
const char* usual_own(Family family) { return family == Family::ipv4 ? "10.0.0.1" : "fd00::1"; }
const char* backend_address(Family family) { return family == Family::ipv4 ? "10.0.2.30" : "fd00:0:0:2::30"; }

Packet l4(const Path& path, const Sent& sent) {
    if (path.protocol == Protocol::tcp) return TCP{.source = sent.source_port, .flags = sent.tcp_flags} / sent.data;
    return UDP{.source = sent.source_port, .length = sent.udp_length, .checksum = sent.udp_checksum} / sent.data;
}

/// The client's IP header and its content.
Packet client_packet(const Path& path, const Sent& sent, const std::string& to, std::uint8_t tos, std::uint8_t ttl) {
    const std::string from = client(path.inner);
    if (path.inner == Family::ipv4)
        return IPv4{.source = from, .destination = to, .tos = tos, .ttl = ttl, .id = 0x5678} / l4(path, sent);
    return IPv6{.source = from, .destination = to, .traffic_class = tos, .flow_label = 0x9abcd, .hop_limit = ttl} /
           l4(path, sent);
}

Packet outer_ip(Family family, const std::string& from, std::uint8_t tos, std::uint32_t label) {
    if (family == Family::ipv4) return IPv4{.source = from, .destination = backend_address(family), .tos = tos};
    return IPv6{.source = from, .destination = backend_address(family), .traffic_class = tos, .flow_label = label};
}

/// Whether the sum of the client's packet can be derived from its own checksum.
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

/// For an encapsulation in UDP.
UdpChecksum checksum_of(const lbd::Encap& encap) {
    if (const auto* fou = std::get_if<lbd::Fou>(&encap)) return fou->checksum;
    if (const auto* gue = std::get_if<lbd::Gue>(&encap)) return gue->checksum;
    return std::get<lbd::Geneve>(encap).checksum;
}

std::string checksum_name(UdpChecksum checksum) {
    if (checksum == UdpChecksum::automatic) return {};
    return checksum == UdpChecksum::on ? "_checksum_on" : "_checksum_off";
}

/// For encapsulations whose port identifies the content.
void use_ports_of_ipv6(lbd::Encap& encap) {
    if (auto* fou = std::get_if<lbd::Fou>(&encap); fou && !fou->gre) fou->port = fou6_port;
    if (auto* gue = std::get_if<lbd::Gue>(&encap); gue && gue->variant == 1) gue->port = gue1_port6;
}

}  // namespace

std::vector<Path> all_paths() {
    std::vector<lbd::Encap> encaps{lbd::L2{}, lbd::L3dsr{l3dsr_dscp}, lbd::Ipip{}, lbd::Gre{}};
    for (const auto checksum : {UdpChecksum::automatic, UdpChecksum::on, UdpChecksum::off}) {
        encaps.emplace_back(lbd::Fou{fou_port, checksum});
        encaps.emplace_back(lbd::Fou{gre_port, checksum, true});
        encaps.emplace_back(lbd::Gue{gue_port, checksum});
        encaps.emplace_back(lbd::Gue{gue_port, checksum, true});
        encaps.emplace_back(lbd::Gue{gue1_port, checksum, false, 1});
        encaps.emplace_back(lbd::Geneve{666, 6081, checksum, netlink::MacAddress::parse(device_mac).value()});
    }
    std::vector<Path> paths;
    for (const lbd::Encap& encap : encaps)
        for (const Family inner : {Family::ipv4, Family::ipv6})
            for (const Family outer : {Family::ipv4, Family::ipv6})
                for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
                    Path path{encap, inner, outer, protocol};
                    if (!is_tunnel(path) && inner != outer) continue;
                    if (inner == Family::ipv6) use_ports_of_ipv6(path.encap);
                    paths.push_back(path);
                }
    return paths;
}

bool is_tunnel(const Path& path) {
    return !std::holds_alternative<lbd::L2>(path.encap) && !std::holds_alternative<lbd::L3dsr>(path.encap);
}

bool has_outer_udp(const Path& path) {
    return is_tunnel(path) && !std::holds_alternative<lbd::Ipip>(path.encap) &&
           !std::holds_alternative<lbd::Gre>(path.encap);
}

bool has_outer_checksum(const Path& path) {
    if (!has_outer_udp(path)) return false;
    const UdpChecksum wanted = checksum_of(path.encap);
    return wanted == UdpChecksum::on || (wanted == UdpChecksum::automatic && path.outer == Family::ipv6);
}

std::string name(const Path& path) {
    const std::string encap =
        std::visit(Overloaded{
                       [](const lbd::L2&) -> std::string { return "l2"; },
                       [](const lbd::L3dsr&) -> std::string { return "l3dsr"; },
                       [](const lbd::Ipip&) -> std::string { return "ipip"; },
                       [](const lbd::Gre&) -> std::string { return "gre"; },
                       [](const lbd::Fou& fou) { return (fou.gre ? "fou_gre" : "fou") + checksum_name(fou.checksum); },
                       [](const lbd::Gue& gue) {
                           const char* kind = gue.variant == 1 ? "gue1" : gue.gre ? "gue_gre" : "gue";
                           return kind + checksum_name(gue.checksum);
                       },
                       [](const lbd::Geneve& geneve) { return "geneve" + checksum_name(geneve.checksum); },
                   },
                   path.encap);
    return encap + '_' + std::string(netlink::name(path.inner)) + "_in_" + std::string(netlink::name(path.outer)) +
           (path.protocol == Protocol::tcp ? "_tcp" : "_udp");
}

void PrintTo(const Path& path, std::ostream* out) { *out << name(path); }

lbd::NextHop next_hop(const Path& path) {
    return {.ifindex = 1,
            .source = netlink::MacAddress::parse(balancer_mac).value(),
            .destination = netlink::MacAddress::parse(next_mac).value(),
            .from = netlink::IpAddress::parse(usual_own(path.outer)).value(),
            .mtu = 9000};
}

lb_dest_body body(const Path& path, const lbd::NextHop& next) {
    return lbd::make_body(path.encap, path.inner, netlink::IpAddress::parse(backend_address(path.outer)).value(), next);
}

lb_dest_body body(const Path& path, std::uint16_t mtu, const std::string& own) {
    lbd::NextHop next = next_hop(path);
    next.mtu = mtu;
    if (!own.empty()) next.from = netlink::IpAddress::parse(own).value();
    return body(path, next);
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
    return std::visit(Overloaded{
                          [&](const lbd::L2&) { return ethernet / inner; },
                          [&](const lbd::L3dsr& l3dsr) {
                              const auto tos = static_cast<std::uint8_t>(l3dsr.dscp << 2 | (sent.tos & 3));
                              return ethernet / client_packet(path, sent, backend_address(path.inner), tos, ttl);
                          },
                          [&](const lbd::Ipip&) { return outer / inner; },
                          [&](const lbd::Gre&) { return outer / Gre() / inner; },
                          [&](const lbd::Fou& fou) {
                              const Packet udp = outer / outer_udp(path, sent, fou.port, entropy.source_port);
                              return fou.gre ? udp / Gre() / inner : udp / inner;
                          },
                          [&](const lbd::Gue& gue) {
                              const Packet udp = outer / outer_udp(path, sent, gue.port, entropy.source_port);
                              if (gue.variant == 1) return udp / inner;
                              return gue.gre ? udp / Gue() / Gre() / inner : udp / Gue() / inner;
                          },
                          [&](const lbd::Geneve& geneve) {
                              return outer / outer_udp(path, sent, geneve.port, entropy.source_port) /
                                     Geneve{.vni = geneve.vni} /
                                     Ethernet{.source = "02:00:00:00:00:01", .destination = device_mac} / inner;
                          },
                      },
                      path.encap);
}

}  // namespace culvert::packet
