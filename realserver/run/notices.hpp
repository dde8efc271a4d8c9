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

/// Something to log about a setting.
struct Notice {
    enum class Kind : std::uint8_t {
        applied,       ///< it has the desired value for the first time
        repaired,      ///< it has the desired value again
        waiting,       ///< it can't be set up yet
        not_repaired,  ///< it had the desired value, and can't be repaired
        contested,     ///< somebody else keeps changing it
    };
    Kind kind;
    Change change;
    std::string reason;                           ///< why it can't be set
    std::optional<netlink::nft::Transaction> by;  ///< the transaction that made a repair of the table necessary
    bool operator==(const Notice&) const = default;
};

/// Remembers the settings that were in order and the errors of the others. So it tells a repair from a first time, and
/// logs each error once. Also remembers who changed the table last: the event may arrive before the check that finds
/// the change.
class Notices {
  public:
    /// Somebody else has changed the table.
    void heard(netlink::nft::Transaction transaction) { last_ = std::move(transaction); }
    /// The notices after a check. A contested setting is reported each time.
    [[nodiscard]] std::vector<Notice> of(const Repairs& repairs);
    /// Whether the last check failed with this error.
    [[nodiscard]] bool is_hindrance(const netlink::Error& error) const;

  private:
    [[nodiscard]] bool was_so(const Change& change) const;
    void remember(const Repairs& repairs);

    std::map<Key, Item> in_order_;           ///< as they were when last in order
    std::map<Key, std::string> hindrances_;  ///< errors that still hold, and were logged
    std::vector<std::string> conflicts_;
    std::optional<netlink::nft::Transaction> last_;  ///< the last change since the table was repaired
};

}  // namespace culvert::realserver
