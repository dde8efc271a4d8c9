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

/// The running kernel, in the network namespace in which the calling thread was at `open` and must stay.
class KernelHost : public Host {
  public:
    [[nodiscard]] static netlink::Result<KernelHost> open();

    [[nodiscard]] netlink::Result<Observed> observe(const std::vector<netlink::Prefix>& balancers) override;
    [[nodiscard]] netlink::Result<> perform(const Change& change) override;
    /// VIPs, of which there can be many, take one system call.
    [[nodiscard]] std::vector<netlink::Result<>> perform(std::span<const Change> changes) override;
    /// Of what observe() finds, that which the kernel does not announce when it changes: FOU and its ports (without
    /// their devices), XDP programs and the sysctls of ARP. Takes little time.
    [[nodiscard]] netlink::Result<HostState> unannounced();
    /// What a device has received since it was made.
    [[nodiscard]] netlink::Result<Received> received(const std::string& device);
    /// What our XDP program of a device has counted.
    [[nodiscard]] netlink::Result<DecapCounters> decapsulated(const std::string& device);
    /// What the table's chains have counted; empty without the table.
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
    netlink::Result<netlink::nft::Nftables> nftables_;  ///< a kernel without nf_tables can do what needs no table
    DecapPrograms decap_;
};

/// Who made an address (IFA_PROTO) or a route (RTA_PROTOCOL): none of those in iproute2's rt_protos.
inline constexpr std::uint8_t our_protocol = 199;

/// The alias (ip link set … alias) of the devices that we make.
inline constexpr std::string_view our_alias = "culvert realserver";

/// In every network namespace: LOOPBACK_IFINDEX of the kernel's include/net/flow.h.
inline constexpr std::uint32_t index_of_lo = 1;

}  // namespace culvert::realserver
