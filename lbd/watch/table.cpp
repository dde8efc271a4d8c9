// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "common/terminal.hpp"
#include "lbd/show/words.hpp"
#include "lbd/watch/rates.hpp"

namespace culvert::lbd {
namespace {

using common::Color;
using common::Table;
using Json = nlohmann::ordered_json;

/// "12", "3.4k", "1.2M": powers of 1000.
std::string short_number(double value) {
    if (value < 1000) return fmt::format("{:.0f}", value);
    const char* unit = "kMGTPE";
    for (value /= 1000; value >= 1000; value /= 1000) ++unit;
    return fmt::format("{:.1f}{}", value, *unit);
}

std::string state(const Json& backend) {
    if (!backend.at("reachable").get<bool>()) return "unreachable";
    if (backend.value("health", "up") == "down") return "down";
    return backend.at("state");
}

std::vector<Table::Cell> line(std::vector<Table::Cell> cells, const Json& rated) {
    for (const char* key : {"packets", "bits", "new_flows"}) cells.push_back({short_number(rated.at(key))});
    if (rated.contains("live_flows")) cells.push_back({short_number(rated["live_flows"])});
    return cells;
}

}  // namespace

std::string to_table(const Json& rates, bool colored) {
    constexpr auto right = common::Table::Align::right;
    common::Table table({{"SERVICE"},
                         {"BACKEND"},
                         {"STATE"},
                         {"PACKETS/S", right},
                         {"BIT/S", right},
                         {"NEW FLOWS/S", right},
                         {"LIVE FLOWS", right}});
    for (const Json& service : rates.at("services")) {
        const auto name = service.at("name").get<std::string>();
        table.add(line({{name, Color::bold}, {}, {}}, service));
        for (const Json& backend : service.at("backends")) {
            const Color color = works(backend) ? Color::none : Color::red;
            table.add(line({{}, {backend.at("name").get<std::string>()}, {state(backend), color}}, backend));
        }
    }
    std::string result = table.to_string(colored);
    for (const Json& drop : rates.at("dropped"))
        result += fmt::format("dropped {}: {} packets/s\n",
                              common::paint(drop.at("reason").get<std::string>(), Color::red, colored),
                              short_number(drop.at("packets")));
    return result;
}

}  // namespace culvert::lbd
