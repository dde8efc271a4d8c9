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

/// Whether it was the guard that dropped a packet. To the kernel all of nf_tables is one reason, but the guard counts.
namespace culvert::realserver {

/// The reasons for which the guard may drop the packet, the likeliest first.
[[nodiscard]] std::vector<Reason> candidates(const Packet& packet, const Config& config);

class GuardCounts {
  public:
    using Read = std::function<netlink::nft::Tallies()>;

    /// `read` reads what the table has counted; what it has by now is of packets before ours.
    explicit GuardCounts(Read read);

    /// A packet was dropped: for the first of these reasons that has counted one that was not taken yet. Nothing if
    /// none has: it was another firewall.
    [[nodiscard]] std::optional<Reason> take(const std::vector<Reason>& candidates);

  private:
    [[nodiscard]] std::optional<Reason> counted(const std::vector<Reason>& candidates);

    Read read_;
    netlink::nft::Tallies now_;
    std::map<std::string, std::uint64_t, std::less<>> taken_;  ///< packets, by chain
};

}  // namespace culvert::realserver
