// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace culvert::netns {

/// From lbd to a backend, for packets to a VIP of its own.
struct Tunnel {
    std::string name;     ///< "gre-in-fou-6in4"
    std::string encap;    ///< in lbd.yaml
    std::string vip;      ///< of 192.0.2.0/24 or 2001:db8::/64
    std::string backend;  ///< 10.0.0.3 or fd00::3
};

/// Every encapsulation except L2 and L3DSR, with all pairs of families.
inline std::vector<Tunnel> every_tunnel() {
    std::vector<Tunnel> all;
    for (const int inner : {4, 6})
        for (const int outer : {4, 6})
            for (const auto& [name, encap] : std::initializer_list<std::pair<const char*, std::string>>{
                     {"ipip", "ipip"},
                     {"gre", "gre"},
                     {"fou", fmt::format("fou, port: {}", inner == 4 ? 5004 : 5006)},
                     {"gre-in-fou", fmt::format("fou, port: {}, inner: gre", inner == 4 ? 5047 : 5048)},
                     {"gue", "gue, port: 5080"},
                     {"gue-without-checksum", "gue, port: 5080, checksum: off"},
                     {"gue-variant-1", "gue, port: 5080, variant: 1"},
                     {"gre-in-gue", "gue, port: 5087, inner: gre"},
                     {"geneve", "geneve, vni: 666"}})
                all.push_back({.name = fmt::format("{}-{}in{}", name, inner, outer),
                               .encap = "{type: " + encap + "}",
                               .vip = fmt::format("{}{}", inner == 4 ? "192.0.2." : "2001:db8::", all.size() + 10),
                               .backend = outer == 4 ? "10.0.0.3" : "fd00::3"});
    return all;
}

/// The configuration to receive all of them: elements of realserver.yaml's `receive`, by XDP, so no module is needed.
inline constexpr const char* receive_every_tunnel = R"(
  - {encap: ipip, via: xdp}
  - {encap: gre, via: xdp}
  - {encap: fou, port: 5004, inner: ipv4, via: xdp}
  - {encap: fou, port: 5006, inner: ipv6, via: xdp}
  - {encap: fou, port: 5047, inner: gre, via: xdp}
  - {encap: fou, port: 5048, inner: gre, via: xdp}
  - {encap: gue, port: 5080, via: xdp}
  - {encap: gue, port: 5087, inner: gre, via: xdp}
  - {encap: geneve, vni: 666, via: xdp}
)";

}  // namespace culvert::netns
