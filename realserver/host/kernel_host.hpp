// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "netlink/nftables/nftables.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"
#include "realserver/decap/decap.hpp"
#include "realserver/host/host.hpp"
#include "realserver/model/counters.hpp"

namespace culvert::realserver {

/// The running kernel, in the calling thread's network namespace, which the thread must not leave.
class KernelHost : public Host {
  public:
    [[nodiscard]] static netlink::Result<KernelHost> open();

    [[nodiscard]] netlink::Result<Observed> observe(const std::vector<netlink::Prefix>& balancers) override;
    [[nodiscard]] netlink::Result<> perform(const Change& change) override;
    /// Sends many VIPs in one system call.
    [[nodiscard]] std::vector<netlink::Result<>> perform(std::span<const Change> changes) override;
    /// The part of observe() whose changes the kernel doesn't report: module fou and its ports (without their devices),
    /// XDP programs and the ARP sysctls. Fast.
    [[nodiscard]] netlink::Result<HostState> unannounced();
    /// The packets that a device has received since it was added.
    [[nodiscard]] netlink::Result<Received> received(const std::string& device);
    /// The counters of our XDP program on a device.
    [[nodiscard]] netlink::Result<DecapCounters> decapsulated(const std::string& device);
    /// The counters of our table's chains; empty without the table.
    [[nodiscard]] netlink::Result<netlink::nft::Tallies> tallies();

  private:
    KernelHost(netlink::Socket route, netlink::Socket generic, netlink::Result<netlink::nft::Nftables> nftables,
               DecapPrograms decap)
        : route_(std::move(route)),
          generic_(std::move(generic)),
          nftables_(std::move(nftables)),
          decap_(std::move(decap)) {}

    netlink::Socket route_;
    netlink::Socket generic_;
    netlink::Result<netlink::nft::Nftables> nftables_;  ///< an error without nf_tables: not everything needs it
    DecapPrograms decap_;
};

/// Marks our addresses (IFA_PROTO) and routes (RTA_PROTOCOL): a number that iproute2's rt_protos doesn't use.
inline constexpr std::uint8_t our_protocol = 199;

/// The alias (ip link set … alias) of the devices that we add.
inline constexpr std::string_view our_alias = "culvert realserver";

/// In every network namespace: LOOPBACK_IFINDEX of include/net/flow.h.
inline constexpr std::uint32_t index_of_lo = 1;

}  // namespace culvert::realserver
