// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/metrics.hpp"

namespace culvert::lbd {

namespace yaml = common::yaml;

std::optional<std::optional<Endpoint>> read_metrics(const yaml::Value& value) {
    const yaml::Wanted wanted{"an address with a port",
                              "one such as 127.0.0.1:9477 or \"[::1]:9477\" (in quotes), or off"};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    if (*text == "off") return std::optional<Endpoint>();
    const auto endpoint = Endpoint::parse(*text);
    if (!endpoint || endpoint->port == 0) return value.mismatch(wanted);
    return endpoint;
}

}  // namespace culvert::lbd
