// SPDX-License-Identifier: Apache-2.0
#include "netlink/geneve.hpp"

#include <linux/if_link.h>

namespace culvert::netlink {

void encode(Message& data, const Geneve& geneve) {
    data.be16(IFLA_GENEVE_PORT, geneve.port);
    data.u8(IFLA_GENEVE_UDP_ZERO_CSUM6_RX, geneve.zero_checksum6_accept ? 1 : 0);
    if (geneve.inner_proto_inherit) data.flag(IFLA_GENEVE_INNER_PROTO_INHERIT);
    if (geneve.external) {
        // The kernel refuses the parameters that each packet now brings itself.
        data.flag(IFLA_GENEVE_COLLECT_METADATA);
        return;
    }
    data.u32(IFLA_GENEVE_ID, geneve.vni);
    if (geneve.remote) data.address(geneve.remote->is_v4() ? IFLA_GENEVE_REMOTE : IFLA_GENEVE_REMOTE6, *geneve.remote);
    data.u8(IFLA_GENEVE_TTL, geneve.ttl);
    data.u8(IFLA_GENEVE_TOS, geneve.tos);
    data.u8(IFLA_GENEVE_UDP_CSUM, geneve.checksum ? 1 : 0);
    data.u8(IFLA_GENEVE_UDP_ZERO_CSUM6_TX, geneve.zero_checksum6_send ? 1 : 0);
}

Geneve decode_geneve(const Attributes& data) {
    Geneve geneve;
    geneve.vni = data.u32(IFLA_GENEVE_ID).value_or(0);
    geneve.remote = data.address(data.flag(IFLA_GENEVE_REMOTE6) ? IFLA_GENEVE_REMOTE6 : IFLA_GENEVE_REMOTE);
    if (geneve.remote && geneve.remote->is_any()) geneve.remote.reset();
    geneve.port = data.be16(IFLA_GENEVE_PORT).value_or(0);
    geneve.ttl = data.u8(IFLA_GENEVE_TTL).value_or(0);
    geneve.tos = data.u8(IFLA_GENEVE_TOS).value_or(0);
    geneve.external = data.flag(IFLA_GENEVE_COLLECT_METADATA);
    geneve.inner_proto_inherit = data.flag(IFLA_GENEVE_INNER_PROTO_INHERIT);
    geneve.checksum = data.u8(IFLA_GENEVE_UDP_CSUM).value_or(0) != 0;
    geneve.zero_checksum6_send = data.u8(IFLA_GENEVE_UDP_ZERO_CSUM6_TX).value_or(0) != 0;
    geneve.zero_checksum6_accept = data.u8(IFLA_GENEVE_UDP_ZERO_CSUM6_RX).value_or(0) != 0;
    return geneve;
}

}  // namespace culvert::netlink
