// SPDX-License-Identifier: Apache-2.0
#include "lbd/show/words.hpp"

#include <fmt/core.h>

#include <variant>

#include <nlohmann/json.hpp>

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;

/// A key of an encapsulation.
struct PutKey {
    Json& json;

    template <typename Encap, typename Row>
    void operator()(const Encap& encap, const Row& key) const {
        const auto& value = encap.*key.member;
        if constexpr (requires { key.text(value); })
            json[key.name] = key.text(value);
        else if constexpr (requires { value.to_string(); })
            json[key.name] = value.to_string();
        else
            json[key.name] = value;
    }
};

}  // namespace

std::string text(const Json& json, const char* key) {
    const auto value = json.find(key);
    if (value == json.end()) return "-";
    return value->is_string() ? value->get<std::string>() : value->dump();
}

std::string live_flows(const Json& counted) {
    return (counted.value("flows_estimated", false) ? "~" : "") + text(counted, "live_flows");
}

std::string duration_text(std::uint64_t seconds) {
    constexpr std::uint64_t minute = 60;
    constexpr std::uint64_t hour = 60 * minute;
    constexpr std::uint64_t day = 24 * hour;
    if (seconds < 2 * minute) return fmt::format("{}s", seconds);
    if (seconds < 2 * hour) return fmt::format("{}m", seconds / minute);
    if (seconds < 2 * day) return fmt::format("{}h", seconds / hour);
    return fmt::format("{}d", seconds / day);
}

bool works(const Json& backend) { return backend.at("reachable").get<bool>() && backend.value("health", "") != "down"; }

Json to_json(const Encap& encap) {
    Json json{{"type", name(kind_of(encap))}};
    std::visit(
        [&]<typename Kind>(const Kind& kind) { for_each_key<Kind>([&](const auto& key) { PutKey{json}(kind, key); }); },
        encap);
    return json;
}

std::string encap_text(const Json& json) {
    std::string result = text(json, "type");
    if (json.contains("port")) result += " " + text(json, "port");
    if (json.value("variant", 0) == 1) result += " variant 1";
    if (json.value("inner", "ip") == "gre") result += " gre";
    if (json.contains("vni")) result += " vni " + text(json, "vni");
    if (json.contains("dscp")) result += " dscp " + text(json, "dscp");
    return result;
}

}  // namespace culvert::lbd
