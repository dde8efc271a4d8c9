// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/metrics.hpp"

#include <limits>
#include <string_view>

#include "common/scalars.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const bool in_brackets = host.starts_with('[') && host.ends_with(']');
    if (in_brackets) host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    const auto port = yaml::decimal(text.substr(colon + 1));
    if (!address || address->is_v4() == in_brackets) return std::nullopt;
    if (!port || *port == 0 || *port > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
    return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

}  // namespace

std::optional<std::optional<Endpoint>> read_metrics(const yaml::Value& value) {
    const yaml::Wanted wanted{"an address with a port",
                              "one such as 127.0.0.1:9477 or \"[::1]:9477\" (in quotes), or off"};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    if (*text == "off") return std::optional<Endpoint>();
    const auto endpoint = parse_endpoint(*text);
    if (!endpoint) return value.mismatch(wanted);
    return endpoint;
}

}  // namespace culvert::lbd
