// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/view.hpp"

#include <array>
#include <utility>

namespace culvert::lbd {
namespace {

constexpr std::array<std::pair<View, std::string_view>, 8> views{{
    {View::services, "services"},
    {View::backends, "backends"},
    {View::flows, "flows"},
    {View::neighbours, "neighbours"},
    {View::interfaces, "interfaces"},
    {View::counters, "counters"},
    {View::announcements, "announcements"},
    {View::cluster, "cluster"},
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

}  // namespace culvert::lbd
