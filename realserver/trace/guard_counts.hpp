// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "netlink/nftables/table.hpp"
#include "realserver/guard/guard.hpp"
#include "realserver/trace/drop.hpp"

/// Tells drops by the guard from others. The kernel has one reason for all of nf_tables, but the guard counts its own.
namespace culvert::realserver {

/// The reasons for which the guard may have dropped the packet, the likeliest first.
[[nodiscard]] std::vector<Reason> candidates(const Packet& packet, const Config& config);

class GuardCounts {
  public:
    using Read = std::function<netlink::nft::Tallies()>;

    /// `read` reads the counters of the table. Packets counted before this call are ignored.
    explicit GuardCounts(Read read);

    /// The reason of one dropped packet: the first of `candidates` with a counted packet that was not returned yet.
    /// Nothing if there is none: another firewall dropped it.
    [[nodiscard]] std::optional<Reason> take(const std::vector<Reason>& candidates);

  private:
    [[nodiscard]] std::optional<Reason> counted(const std::vector<Reason>& candidates);

    Read read_;
    netlink::nft::Tallies now_;
    std::map<std::string, std::uint64_t, std::less<>> taken_;  ///< packets, by chain
};

}  // namespace culvert::realserver
