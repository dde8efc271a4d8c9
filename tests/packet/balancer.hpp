// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "lbd/datapath/own.hpp"
#include "lbd/datapath/vip_table.hpp"
#include "lbd/model/config.hpp"
#include "tests/packet/object.hpp"
#include "tests/packet/packet.hpp"

struct lb_bpf;

namespace culvert::packet {

/// All switches on, an arbitrary hash key. Flow time is always 0.
[[nodiscard]] lb_config all_on();

/// The result for a packet.
struct Outcome {
    /// The verdict and all counted reasons: "tx", "pass", "redirect", "drop: ttl"; "answered: ttl" if the packet became
    /// an ICMP error and was sent back.
    std::string fate;
    Bytes frame;  ///< as the program left it
};

/// The balancer's program, loaded into the kernel, with maps that the test fills. Frames arrive on interface 1. Errors
/// of the operating system are thrown, so they fail the test.
class Balancer {
  public:
    /// `objects`: as in open_skeleton.
    explicit Balancer(const lb_config& config = all_on(), std::uint32_t buckets = 1,
                      const std::string& objects = default_objects());
    ~Balancer();
    Balancer(const Balancer&) = delete;
    Balancer& operator=(const Balancer&) = delete;

    /// `vip`: an address or a prefix. Port 0: all ports. `ring`: ids of destinations, from 1; replaces the ring if the
    /// service exists. `flags`: lb_service_flag.
    void serve(const std::string& vip, lbd::Protocol protocol, std::uint16_t port,
               const std::vector<std::uint16_t>& ring, std::uint32_t flags = LB_SERVICE_EACH);
    /// Flows from now on are counted if their tag has none of these bits.
    void sample(std::uint32_t mask);
    void set_dest(std::uint32_t id, const lb_dest_body& body);
    void set_dest(std::uint32_t id, const lb_dest& dest);
    /// Replaces the default of frames for this host: those to 02:00:00:00:00:02 at interface 1, of any VLAN.
    void set_own(const lbd::Own& own);
    /// Whether packets with an unfinished checksum occur, and who completes it. The default is never.
    void set_unfinished(lb_unfinished unfinished);
    /// Lets the program send through interface `ifindex`.
    void open_port(std::uint32_t ifindex);

    Outcome receive(const Bytes& frame, std::uint32_t metadata = 0);
    Outcome receive(const Packet& packet) { return receive(packet.bytes()); }

    [[nodiscard]] lb_bucket bucket(std::uint32_t index = 0) const;
    void set_bucket(const lb_bucket& bucket, std::uint32_t index = 0);
    /// Summed over all CPUs.
    [[nodiscard]] lb_counters counters(std::uint32_t dest) const;
    /// Count so far.
    [[nodiscard]] std::uint64_t events(lb_event event) const;
    /// Summed over all CPUs, except `left`.
    [[nodiscard]] lb_latency latency() const;
    /// On each CPU.
    void set_latency(const lb_latency& latency);
    /// The kernel's clock, as the program `jiffies` reports it.
    [[nodiscard]] std::uint64_t jiffies();
    /// The number of instructions that the verifier walked.
    [[nodiscard]] std::uint32_t verified_instructions() const;

  private:
    [[nodiscard]] std::vector<std::uint64_t> reasons() const;

    SkeletonPointer<lb_bpf> skeleton_;
    std::vector<std::uint64_t> reasons_;
    std::vector<netlink::Prefix> networks4_, networks6_;
    std::vector<lbd::Vip4Entry> vips4_;
    std::vector<lbd::Vip6Entry> vips6_;
    std::uint32_t ring_lines_ = 0;
};

/// For EXPECT_TRUE: shows where the frame differs from the expected one.
[[nodiscard]] testing::AssertionResult same(const Packet& expected, const Bytes& frame);

/// For tests that load the program.
class BalancerTest : public testing::Test {
  protected:
    void SetUp() override;
    /// Shared by all tests of a process that accept remains of others in the maps, as verification is slow.
    static Balancer& shared();
};

}  // namespace culvert::packet
