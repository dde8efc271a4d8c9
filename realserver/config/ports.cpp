// SPDX-License-Identifier: Apache-2.0
#include "realserver/config/ports.hpp"

#include <fmt/format.h>

namespace culvert::realserver {

using common::yaml::Value;

void PortClaims::claim(const Value& where, const UdpTunnel& tunnel) {
    for (const Family outer : tunnel.outer) {
        UdpTunnel here = tunnel;
        here.outer = {outer};
        if (tunnel.type == netlink::FouType::gue) here.inner.clear();  // its header says it
        if (!claim(where, tunnel.port, outer, here)) return;
    }
}

void PortClaims::claim(const Value& where, const GeneveTunnel& tunnel) {
    for (const Family outer : {Family::ipv4, Family::ipv6})
        if (!claim(where, tunnel.port, outer, std::nullopt)) return;
}

bool PortClaims::claim(const Value& where, std::uint16_t port, Family outer, const Content& content) {
    const auto [first, is_new] = claims_.try_emplace({port, outer}, where.position().line, content);
    const auto& [line, there] = first->second;
    if (is_new || there == content) return true;
    where.fail(fmt::format("line {} uses port {} over {} for something else: choose another port", line, port,
                           netlink::name(outer)));
    return false;
}

}  // namespace culvert::realserver
