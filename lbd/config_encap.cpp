// SPDX-License-Identifier: Apache-2.0
#include "lbd/config_encap.hpp"

#include <fmt/format.h>

#include "common/encap.hpp"
#include "common/scalars.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;
using common::EncapKind;
using yaml::Value;

/// Fou or Gue. Their ports have no default: balancer and backend must agree on one.
template <typename UdpEncap>
Encap read_udp(yaml::MapReader& map, std::string_view example) {
    static const auto checksum = yaml::one_of<UdpChecksum>(
        "a checksum mode", {{"auto", UdpChecksum::automatic}, {"on", UdpChecksum::on}, {"off", UdpChecksum::off}});
    UdpEncap encap;
    map.required("port", yaml::port, encap.port, example);
    map.optional("checksum", checksum, encap.checksum);
    return encap;
}

Encap read_l3dsr(yaml::MapReader& map) {
    L3dsr encap;
    map.required("dscp", yaml::dscp, encap.dscp, "2");
    return encap;
}

}  // namespace

std::optional<Encap> read_encap(const Value& value) {
    EncapKind kind{};
    if (!yaml::MapReader(value, "an encapsulation", "a map such as {type: gue, port: 5080}")
             .required("type", yaml::encap_kind, kind, "gue"))
        return std::nullopt;
    const std::string noun = fmt::format("the encapsulation {}", name(kind));
    yaml::MapReader map(value, noun);
    const Value type = map.find("type").value_or(value);
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
            encap = read_udp<Gue>(map, "5080");
            break;
        case EncapKind::geneve:
            return type.fail("geneve is not supported by this version: use another encapsulation, such as gue");
        case EncapKind::l3dsr:
            encap = read_l3dsr(map);
            break;
    }
    map.finish();
    return encap;
}

}  // namespace culvert::lbd
