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

/// All switches on, an arbitrary hash key. Flow time stands still at 0.
[[nodiscard]] lb_config all_on();

/// What became of a packet.
struct Outcome {
    /// The verdict and every reason that was counted: "tx", "pass", "redirect", "drop: ttl"; "answered: ttl" if the
    /// packet was made an ICMP error and sent back.
    std::string fate;
    Bytes frame;  ///< as the program left it
};

/// The balancer's program, loaded into the kernel, with maps that the test fills. Frames arrive on interface 1. What
/// the operating system refuses is thrown, so it fails the test.
class Balancer {
  public:
    /// `objects`: as of open_skeleton.
    explicit Balancer(const lb_config& config = all_on(), std::uint32_t buckets = 1,
                      const std::string& objects = default_objects());
    ~Balancer();
    Balancer(const Balancer&) = delete;
    Balancer& operator=(const Balancer&) = delete;

    /// `vip`: an address or a prefix. Port 0: all of them. `ring`: ids of destinations, from 1; for a service that is
    /// there it replaces the ring. `flags`: of lb_service.
    void serve(const std::string& vip, lbd::Protocol protocol, std::uint16_t port,
               const std::vector<std::uint16_t>& ring, std::uint32_t flags = 0);
    void set_dest(std::uint32_t id, const lb_dest_body& body);
    void set_dest(std::uint32_t id, const lb_dest& dest);
    /// Which frames are for this host, in place of those for 02:00:00:00:00:02 by interface 1, of any VLAN.
    void set_own(const lbd::Own& own);
    /// Whether packets come whose checksum is not finished, and who finishes it: never before the first call.
    void set_unfinished(lb_unfinished unfinished);
    /// Lets the program send by the interface that it knows as `ifindex`.
    void open_port(std::uint32_t ifindex);

    Outcome receive(const Bytes& frame, std::uint32_t metadata = 0);
    Outcome receive(const Packet& packet) { return receive(packet.bytes()); }

    [[nodiscard]] lb_bucket bucket(std::uint32_t index = 0) const;
    void set_bucket(const lb_bucket& bucket, std::uint32_t index = 0);
    /// Summed over all CPUs.
    [[nodiscard]] lb_counters counters(std::uint32_t dest) const;
    /// How often so far.
    [[nodiscard]] std::uint64_t events(lb_event event) const;
    /// Summed over all CPUs, but for `left`.
    [[nodiscard]] lb_latency latency() const;
    /// The kernel's clock, as the program `jiffies` reports it.
    [[nodiscard]] std::uint64_t jiffies();
    /// How many instructions the verifier walked.
    [[nodiscard]] std::uint32_t verified_instructions() const;

  private:
    [[nodiscard]] std::vector<std::uint64_t> reasons() const;

    SkeletonPointer<lb_bpf> skeleton_;
    std::vector<std::uint64_t> reasons_;
    std::vector<lbd::Vip4Entry> vips4_;
    std::vector<lbd::Vip6Entry> vips6_;
    std::uint32_t ring_lines_ = 0;
};

/// For EXPECT_TRUE: says where the frame isn't the expected one.
[[nodiscard]] testing::AssertionResult same(const Packet& expected, const Bytes& frame);

/// For tests that load the program.
class BalancerTest : public testing::Test {
  protected:
    void SetUp() override;
    /// One for all tests of a process that don't mind what others left in its maps, because the verifier takes its
    /// time.
    static Balancer& shared();
};

}  // namespace culvert::packet
