// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/netns/harness/host.hpp"

namespace culvert::netns {

/// A host's end of a cable, with its addresses: `{client, "eth0", {"10.0.0.1/24", "fd00::1/64"}}`.
struct Port {
    const Host& host;
    std::string device;
    std::vector<std::string> addresses{};
};

/// The MAC address of every port: 02:00 and the first IPv4 address, or the last four bytes of the first IPv6 address:
/// 10.0.0.1 is 02:00:0a:00:00:01.
[[nodiscard]] std::string mac_of(const Port& port);

/// Connects two hosts; returns when both ends are up. Packets have complete checksums, VLAN tags in the frame, and at
/// most the length of the MTU (no checksum, VLAN or segmentation offload), as on a wire. Both ends run NAPI, which XDP
/// redirects need at the other end.
void connect(const Port& left, const Port& right);

/// A switch: a bridge in a namespace of its own.
class Switch {
  public:
    explicit Switch(const std::string& name = "switch");

    /// Connects hosts, as above. They may also send by XDP_TX: the switch's ends run XDP_PASS.
    void connect(const std::vector<Port>& ports);

    /// The host for captures of all traffic: its device for the port of `host` is "<host>-<device>".
    [[nodiscard]] const Host& host() const { return host_; }

  private:
    Host host_;
};

}  // namespace culvert::netns
