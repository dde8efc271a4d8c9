// SPDX-License-Identifier: Apache-2.0
#include "lbd/show/view.hpp"

#include <array>
#include <utility>

#include <nlohmann/json.hpp>

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<View, std::string_view>, 6> views{{
    {View::services, "services"},
    {View::backends, "backends"},
    {View::flows, "flows"},
    {View::neighbours, "neighbours"},
    {View::interfaces, "interfaces"},
    {View::counters, "counters"},
}};

}  // namespace

std::vector<std::string_view> view_names() {
    std::vector<std::string_view> names;
    for (const auto& [view, name] : views) names.push_back(name);
    return names;
}

std::optional<View> view(std::string_view name) {
    for (const auto& [view, known] : views)
        if (known == name) return view;
    return std::nullopt;
}

bool has_family(View view) { return view == View::services || view == View::backends || view == View::neighbours; }

Json of_family(View view, const Json& list, netlink::Family family) {
    const char* key = view == View::services ? "vip" : "address";
    Json rest = Json::array();
    for (const Json& one : list) {
        const bool is_v6 = one.at(key).get<std::string>().find(':') != std::string::npos;
        if (is_v6 == (family == netlink::Family::ipv6)) rest.push_back(one);
    }
    return rest;
}

}  // namespace culvert::lbd
