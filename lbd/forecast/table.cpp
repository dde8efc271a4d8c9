// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "common/terminal.hpp"
#include "lbd/forecast/json.hpp"
#include "lbd/show/words.hpp"

namespace culvert::lbd {
namespace {

using common::Color;
using common::Table;
using Json = nlohmann::ordered_json;

using enum Table::Align;

std::string lines(const Json& changes, bool colored) {
    std::string text;
    for (const Json& change : changes) {
        const std::string line = lbd::text(change, "text");
        const Color color = line.front() == '+' ? Color::green : line.front() == '-' ? Color::red : Color::yellow;
        text += common::paint(line, color, colored) + "\n";
    }
    return text;
}

/// A number of connections; "-": it is not known.
std::string number(const Json& counted, const char* key) {
    const std::string number = text(counted, key);
    return number != "-" && counted.value("flows_estimated", false) ? "~" + number : number;
}

Table::Cell moving(const Json& counted) {
    return {number(counted, "move"), counted.value("move", std::uint64_t{0}) == 0 ? Color::none : Color::red};
}

std::string services(const Json& list, bool colored) {
    Table table({{"SERVICE"}, {"SLOTS", right}, {"CHANGE", right}, {"LIVE", right}, {"STAY", right}, {"MOVE", right}});
    std::string notes;
    for (const Json& one : list) {
        const auto slots = one["slots"].get<double>(), changed = one["changed_slots"].get<double>();
        table.add({{text(one, "name")},
                   {text(one, "slots")},
                   {fmt::format("{} ({:.1f}%)", changed, slots == 0 ? 0 : 100 * changed / slots)},
                   {number(one, "live_flows")},
                   {number(one, "stay")},
                   moving(one)});
        if (one.contains("unknown")) notes += fmt::format("service {}: {}\n", text(one, "name"), text(one, "unknown"));
    }
    return table.to_string(colored) + notes;
}

/// Of several services or balancers together.
struct Sum {
    std::uint64_t live = 0, stay = 0, move = 0;
    bool estimated = false;

    void add(const Json& counted) {
        live += counted.value("live_flows", std::uint64_t{0});
        stay += counted.value("stay", std::uint64_t{0});
        move += counted.value("move", std::uint64_t{0});
        estimated |= counted.value("flows_estimated", false);
    }
    [[nodiscard]] Json json() const {
        return {{"live_flows", live}, {"stay", stay}, {"move", move}, {"flows_estimated", estimated}};
    }
};

std::string balancers(const Json& forecast, bool colored) {
    if (forecast["peers"].empty()) return {};
    Table table({{"BALANCER"}, {"LIVE", right}, {"STAY", right}, {"MOVE", right}, {"MISSING"}});
    Sum all;
    const auto add = [&](const std::string& name, const Json& services, const std::string& missing) {
        Sum sum;
        bool any = false;
        for (const Json& one : services) {
            if (!one.contains("move")) continue;
            any = true;
            sum.add(one);
            all.add(one);
        }
        const Json counted = any ? sum.json() : Json::object();
        table.add({{name},
                   {number(counted, "live_flows")},
                   {number(counted, "stay")},
                   moving(counted),
                   {missing, Color::red}});
    };
    add(text(forecast, "balancer") + " (here)", forecast["services"], "");
    bool is_whole = true;
    for (const Json& peer : forecast["peers"]) {
        std::string missing = peer.value("missing", "");
        const Json services = peer.value("services", Json::array());
        for (const Json& one : services)
            if (one.contains("missing"))
                missing +=
                    fmt::format("{}{}: {}", missing.empty() ? "" : "; ", text(one, "name"), text(one, "missing"));
        is_whole &= missing.empty();
        add(text(peer, "address") + (peer.contains("name") ? " " + text(peer, "name") : ""), services, missing);
    }
    const Json sum = all.json();
    table.add({{is_whole ? "all" : "all but what is missing"},
               {number(sum, "live_flows")},
               {number(sum, "stay")},
               moving(sum)});
    return table.to_string(colored);
}

}  // namespace

std::string forecast_text(const Json& forecast, bool colored) {
    if (!changes_anything(forecast)) return "nothing to change\n";
    std::string text = lines(forecast["changes"], colored);
    if (forecast["services"].empty()) return text + "no slot changes, and no connection moves\n";
    return text + services(forecast["services"], colored) + balancers(forecast, colored);
}

}  // namespace culvert::lbd
