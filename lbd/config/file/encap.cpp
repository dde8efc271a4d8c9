// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/encap.hpp"

#include <fmt/format.h>

#include <array>
#include <tuple>

#include "common/encap.hpp"
#include "lbd/config/file/map.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;
using common::EncapKind;
using yaml::Value;

void read_checksum(Map& map, const Key& key, UdpChecksum& target) {
    static const auto checksum = yaml::one_of<UdpChecksum>(
        "a checksum mode", {{"auto", UdpChecksum::automatic}, {"on", UdpChecksum::on}, {"off", UdpChecksum::off}});
    map.optional(key, checksum, target);
}

/// Reads Fou or Gue. Their port has no default: balancer and backend must agree on one.
template <typename UdpEncap>
UdpEncap read_udp(Map& map, std::string_view example) {
    static const auto is_gre = yaml::one_of<bool>("what is inside", {{"ip", false}, {"gre", true}});
    UdpEncap encap;
    map.required(fou_keys["port"], yaml::port, encap.port, example);
    read_checksum(map, fou_keys["checksum"], encap.checksum);
    map.optional(fou_keys["inner"], is_gre, encap.gre);
    return encap;
}

Encap read_gue(Map& map) {
    Gue encap = read_udp<Gue>(map, "5080");
    map.optional(gue_keys["variant"], number<std::uint8_t>(gue_keys["variant"], "a variant of GUE"), encap.variant);
    if (encap.variant == 1 && encap.gre)
        map.find(gue_keys["inner"])
            ->fail("gue variant 1 has no header that could announce gre: write variant: 0, or inner: ip");
    return encap;
}

Encap read_geneve(Map& map) {
    Geneve encap{.port = common::geneve_port, .mac = common::geneve_mac};
    map.required(geneve_keys["vni"], number<std::uint32_t>(geneve_keys["vni"], "a VNI"), encap.vni, "666");
    map.optional(geneve_keys["port"], yaml::port, encap.port);
    read_checksum(map, geneve_keys["checksum"], encap.checksum);
    return encap;
}

Encap read_l3dsr(Map& map) {
    L3dsr encap;
    map.required(l3dsr_keys["dscp"], yaml::dscp, encap.dscp, "2");
    return encap;
}

constexpr auto foreign_keys = std::to_array<yaml::ForeignKey>({
    {"mode", "type"},
    {"kind", "type"},
    {"encap", "type"},
    {"id", "vni"},
    {"dport", "port"},
    {"csum", "checksum"},
    {"vip", "", "the service has it"},
    {"remote", "", "it is the address of the backend"},
    {"remotes", "", "they are the addresses of the backends"},
    {"local", "", "lbd sends from its address on the route to the backend"},
    {"sport", "", "lbd derives it from the flow of the client"},
    {"ttl", "", "lbd always sets 64"},
    {"key", "", "lbd sends GRE without a key"},
    {"keys", "", "lbd sends GRE without a key"},
});

}  // namespace

std::optional<Encap> read_encap(const Value& value) {
    EncapKind kind{};
    constexpr std::string_view right = "a map such as {type: gue, port: 5080}";
    if (!Map(value, "an encapsulation", right, foreign_keys)
             .required(plain_encap_keys["type"], yaml::encap_kind, kind, "gue"))
        return std::nullopt;
    const std::string noun = fmt::format("the encapsulation {}", name(kind));
    Map map(value, noun, right, foreign_keys);
    std::ignore = map.find(plain_encap_keys["type"]);  // read above
    Encap encap;
    switch (kind) {
        case EncapKind::l2:
            encap = L2{};
            break;
        case EncapKind::ipip:
            encap = Ipip{};
            break;
        case EncapKind::gre:
            encap = Gre{};
            break;
        case EncapKind::fou:
            encap = read_udp<Fou>(map, "5004");
            break;
        case EncapKind::gue:
            encap = read_gue(map);
            break;
        case EncapKind::geneve:
            encap = read_geneve(map);
            break;
        case EncapKind::l3dsr:
            encap = read_l3dsr(map);
            break;
    }
    map.finish();
    return encap;
}

}  // namespace culvert::lbd
