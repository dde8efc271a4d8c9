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

/// `realserver status`: the current state of each setting beside the desired one.
namespace culvert::realserver {

struct StatusRow {
    enum class Verdict : std::uint8_t {
        ok,
        missing,    ///< wanted, but not there
        differs,    ///< there, with another value
        left_over,  ///< made by apply, but no longer wanted
    };

    Key key;
    std::string wanted;  ///< "present" or "absent" if the item has no value
    std::string found;
    /// The family of a VIP, or of the outer packets of a port or tunnel device; nothing for others.
    std::optional<netlink::Family> family;
    Verdict verdict = Verdict::ok;
    std::optional<Received> received;           ///< of devices, and the sum for XDP programs
    std::optional<DecapCounters> decapsulated;  ///< of XDP programs
    bool operator==(const StatusRow&) const = default;
};

/// "ok", "missing", "differs", "left_over"
[[nodiscard]] std::string_view name(StatusRow::Verdict verdict);

/// Without packet counters.
[[nodiscard]] std::vector<StatusRow> status(const Desired& desired, const Observed& observed, const Record& record);

/// Adds the counters of an XDP program.
void count(DecapCounters counted, StatusRow& row);

/// in_order (bool), items []: kind, name, wanted, found, state (a verdict); for devices rx_packets, rx_dropped; for XDP
/// programs also received and dropped, maps from an encapsulation or a reason to numbers. The command adds guard,
/// tunnels, others (realserver/show/traffic.hpp). With -4 or -6 there is no guard, and in_order covers only the listed
/// items.
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<StatusRow>& rows);
[[nodiscard]] std::string to_table(const std::vector<StatusRow>& rows, bool colored);

/// One line for each setting, without a header: kind, verdict, name. Only names contain spaces.
[[nodiscard]] std::string to_brief(const std::vector<StatusRow>& rows, bool colored);

}  // namespace culvert::realserver
