// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/encap.hpp"

#include <fmt/format.h>

#include <array>
#include <tuple>

#include "common/encap.hpp"
#include "common/scalars.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;
using common::EncapKind;
using yaml::Value;

void read_checksum(yaml::MapReader& map, UdpChecksum& target) {
    static const auto checksum = yaml::one_of<UdpChecksum>(
        "a checksum mode", {{"auto", UdpChecksum::automatic}, {"on", UdpChecksum::on}, {"off", UdpChecksum::off}});
    map.optional("checksum", checksum, target);
}

/// Fou or Gue. Their ports have no default: balancer and backend must agree on one.
template <typename UdpEncap>
UdpEncap read_udp(yaml::MapReader& map, std::string_view example) {
    static const auto is_gre = yaml::one_of<bool>("what is inside", {{"ip", false}, {"gre", true}});
    UdpEncap encap;
    map.required("port", yaml::port, encap.port, example);
    read_checksum(map, encap.checksum);
    map.optional("inner", is_gre, encap.gre);
    return encap;
}

Encap read_gue(yaml::MapReader& map) {
    Gue encap = read_udp<Gue>(map, "5080");
    map.optional("variant", yaml::number<std::uint8_t>("a variant of GUE", 0, 1), encap.variant);
    if (encap.variant == 1 && encap.gre)
        map.find("inner")->fail("variant 1 of gue has no header to say gre in: write variant: 0, or inner: ip");
    return encap;
}

Encap read_geneve(yaml::MapReader& map) {
    Geneve encap{.port = common::geneve_port, .mac = common::geneve_mac};
    map.required("vni", yaml::number<std::uint32_t>("a VNI", 0, common::most_vni), encap.vni, "666");
    map.optional("port", yaml::port, encap.port);
    read_checksum(map, encap.checksum);
    return encap;
}

Encap read_l3dsr(yaml::MapReader& map) {
    L3dsr encap;
    map.required("dscp", yaml::dscp, encap.dscp, "2");
    return encap;
}

constexpr auto foreign_keys = std::to_array<yaml::ForeignKey>({
    {"mode", "type"},
    {"kind", "type"},
    {"encap", "type"},
    {"id", "vni"},
    {"dport", "port"},
    {"csum", "checksum"},
    {"vip", "", "the service says it"},
    {"remote", "", "it is the backend's address"},
    {"remotes", "", "they are the backends' addresses"},
    {"local", "", "it is this balancer's address on the way to the backend"},
    {"sport", "", "it follows from the client's flow"},
    {"ttl", "", "it is 64"},
    {"key", "", "GRE has none here"},
    {"keys", "", "GRE has none here"},
});

}  // namespace

std::optional<Encap> read_encap(const Value& value) {
    EncapKind kind{};
    constexpr std::string_view right = "a map such as {type: gue, port: 5080}";
    if (!yaml::MapReader(value, "an encapsulation", right, foreign_keys)
             .required("type", yaml::encap_kind, kind, "gue"))
        return std::nullopt;
    const std::string noun = fmt::format("the encapsulation {}", name(kind));
    yaml::MapReader map(value, noun, right, foreign_keys);
    std::ignore = map.find("type");  // read above
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
