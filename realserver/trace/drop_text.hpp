// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "realserver/trace/drop.hpp"
#include "realserver/trace/drop_explanation.hpp"

namespace culvert::realserver {

/// Up to three lines:
/// "12:00:01.000123 tunl0 198.51.100.9:40000 > 192.0.2.1:80 tcp in ipip 10.0.0.1 > 10.0.0.3, 60 bytes"
/// "    IP_RPFILTER in ip_rcv_finish_core: cause"
/// "    cure: realserver apply"
[[nodiscard]] std::string to_text(const Drop& drop, const Explanation& explanation, std::string_view time,
                                  bool colored);

/// time, device, bytes, packet {source, destination, protocol, source_port, destination_port}, encap and outer (a
/// packet's keys) if it was in a tunnel, unwrapped (bool), reason, function, cause, cure.
[[nodiscard]] nlohmann::ordered_json to_json(const Drop& drop, const Explanation& explanation, std::string_view time);

}  // namespace culvert::realserver
