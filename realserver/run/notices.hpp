// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "netlink/nftables/monitor.hpp"
#include "realserver/run/repair.hpp"

namespace culvert::realserver {

/// Something to tell about a setting.
struct Notice {
    enum class Kind : std::uint8_t {
        applied,       ///< it is as wanted for the first time
        repaired,      ///< it is as wanted again
        waiting,       ///< it can't be set up yet
        not_repaired,  ///< it was as wanted, and can't be put right
        contested,     ///< somebody else keeps changing it
    };
    Kind kind;
    Change change;
    std::string reason;                           ///< why it can't be
    std::optional<netlink::nft::Transaction> by;  ///< what made a repair of the table necessary, if that is known
    bool operator==(const Notice&) const = default;
};

/// Knows what was in order before, and what keeps a setting from it: so it can tell a repair from a first time, and
/// tells each hindrance once. Knows who changed the table last, which may be announced before a look that finds it so.
class Notices {
  public:
    /// Somebody else has changed the table.
    void heard(netlink::nft::Transaction transaction) { last_ = std::move(transaction); }
    /// What there is to tell about a look. Of contested settings it says so at each.
    [[nodiscard]] std::vector<Notice> of(const Repairs& repairs);
    /// Whether the last look failed for this reason.
    [[nodiscard]] bool is_hindrance(const netlink::Error& error) const;

  private:
    [[nodiscard]] bool was_so(const Change& change) const;
    void remember(const Repairs& repairs);

    std::map<Key, Item> in_order_;           ///< as last seen in order
    std::map<Key, std::string> hindrances_;  ///< that still hold, and were told
    std::vector<std::string> conflicts_;
    std::optional<netlink::nft::Transaction> last_;  ///< since the table was repaired
};

}  // namespace culvert::realserver
