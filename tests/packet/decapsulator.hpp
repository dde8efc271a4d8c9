// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpf/decap_abi.h"
#include "tests/packet/balancer.hpp"
#include "tests/packet/object.hpp"
#include "tests/packet/packet.hpp"

struct decap_bpf;

namespace culvert::packet {

inline constexpr std::uint16_t fou4_port = 5004;
inline constexpr std::uint16_t fou6_port = 5006;
inline constexpr std::uint16_t fou_gre_port = 5047;
inline constexpr std::uint16_t gue_port = 5080;
inline constexpr std::uint16_t gue_gre_port = 5087;
inline constexpr std::uint16_t geneve_port = 6081;
inline constexpr std::uint16_t bound_port = 5100;  ///< GUE, only to 10.0.2.30 from 10.0.0.1 port 7, over IPv4
inline constexpr std::uint32_t vni = 666;

/// All switches on.
[[nodiscard]] decap_config unwrap_all();

/// The decapsulator's program, loaded into the kernel, with the tunnels above over both families. Its addresses are
/// 10.0.2.30 and fd00:0:0:2::30, its balancers 10.0.0.0/24 and fd00::/64, its VIPs 192.0.2.1, 198.51.100.128/25 and
/// 2001:db8::/64.
class Decapsulator {
  public:
    /// `objects`: as in open_skeleton.
    explicit Decapsulator(const decap_config& config = unwrap_all(), const std::string& objects = default_objects());
    ~Decapsulator();
    Decapsulator(const Decapsulator&) = delete;
    Decapsulator& operator=(const Decapsulator&) = delete;

    Outcome receive(const Bytes& frame);
    Outcome receive(const Packet& packet) { return receive(packet.bytes()); }

    /// Summed over all CPUs.
    [[nodiscard]] decap_counters counters(decap_kind kind) const;
    /// Packets that a guard in mode log has let pass, summed over all CPUs.
    [[nodiscard]] std::uint64_t let_pass(decap_reason reason) const;
    /// The number of instructions that the verifier walked.
    [[nodiscard]] std::uint32_t verified_instructions() const;

  private:
    [[nodiscard]] std::vector<std::uint64_t> reasons() const;

    SkeletonPointer<decap_bpf> skeleton_;
    std::vector<std::uint64_t> reasons_;
};

class DecapTest : public BalancerTest {
  protected:
    /// Shared by all tests of a process.
    static Decapsulator& decapsulator();
};

/// An encapsulation of IP packets.
struct Tunnel {
    std::string name;  ///< "gue_gre_over_ipv6"
    decap_kind kind;
    netlink::Family outer;
};
void PrintTo(const Tunnel& tunnel, std::ostream* out);
[[nodiscard]] std::vector<Tunnel> all_tunnels();

/// A packet of the balancer in this tunnel; `tos` is the outer header's.
[[nodiscard]] Packet in_tunnel(const Tunnel& tunnel, const Packet& inner, netlink::Family family, std::uint8_t tos = 0);

}  // namespace culvert::packet
