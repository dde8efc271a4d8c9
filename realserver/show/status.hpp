// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "realserver/model/counters.hpp"
#include "realserver/model/desired.hpp"
#include "realserver/model/record.hpp"
#include "realserver/model/state.hpp"

/// `realserver status`: each setting beside what is wanted of it.
namespace culvert::realserver {

struct StatusRow {
    enum class Verdict : std::uint8_t {
        ok,
        missing,    ///< wanted and not there
        differs,    ///< there, with another value
        left_over,  ///< apply made it, and it is no longer wanted
    };

    Key key;
    std::string wanted;  ///< "present" or "absent" where there is no value to tell
    std::string found;
    /// That of a VIP, and of the packets that a port or a tunnel device takes; others have none.
    std::optional<netlink::Family> family;
    Verdict verdict = Verdict::ok;
    std::optional<Received> received;           ///< of devices, and of XDP programs in all
    std::optional<DecapCounters> decapsulated;  ///< of XDP programs
    bool operator==(const StatusRow&) const = default;
};

/// "ok", "missing", "differs", "left_over"
[[nodiscard]] std::string_view name(StatusRow::Verdict verdict);

/// Without what was received.
[[nodiscard]] std::vector<StatusRow> status(const Desired& desired, const Observed& observed, const Record& record);

/// Enters what an XDP program has counted.
void count(DecapCounters counted, StatusRow& row);

/// in_order (bool), items []: kind, name, wanted, found, state (a verdict), and of devices rx_packets, rx_dropped;
/// of XDP programs also received and dropped, maps from an encapsulation or a reason to numbers.
/// The command adds guard, tunnels, others (realserver/show/traffic.hpp). With -4 or -6 there is no guard, and
/// in_order is about those items alone.
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<StatusRow>& rows);
[[nodiscard]] std::string to_table(const std::vector<StatusRow>& rows, bool colored);

/// A line for each, without titles: kind, verdict, name; only names have spaces.
[[nodiscard]] std::string to_brief(const std::vector<StatusRow>& rows, bool colored);

}  // namespace culvert::realserver
