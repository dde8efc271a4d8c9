// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

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

/// What no balancer can say.
std::string unknown_services(const Json& services) {
    std::vector<std::string> names;
    for (const Json& one : services)
        if (one.contains("unknown")) names.push_back(text(one, "name"));
    if (names.empty()) return {};
    return (names.size() == 1 ? names[0] : fmt::format("{} services", names.size())) + ": see above";
}

/// Of several services or balancers together. What nobody knows of any of them is absent.
class Sum {
  public:
    void add(const Json& counted) {
        for (const char* key : {"live_flows", "stay", "move"}) {
            if (!counted.contains(key)) continue;
            sum_[key] = sum_.value(key, std::uint64_t{0}) + counted[key].get<std::uint64_t>();
        }
        sum_["flows_estimated"] = sum_.value("flows_estimated", false) || counted.value("flows_estimated", false);
    }
    [[nodiscard]] const Json& json() const { return sum_; }

  private:
    Json sum_ = Json::object();
};

std::vector<Table::Cell> numbers(const Json& counted) {
    return {{number(counted, "live_flows")}, {number(counted, "stay")}, moving(counted)};
}

std::string balancers(const Json& forecast, bool colored) {
    if (forecast["peers"].empty()) return {};
    Table table({{"BALANCER"}, {"LIVE", right}, {"STAY", right}, {"MOVE", right}, {"MISSING"}});
    const auto put = [&table](const std::string& name, const Sum& sum, const std::string& missing) {
        std::vector<Table::Cell> row = numbers(sum.json());
        row.insert(row.begin(), {name});
        row.push_back({missing, Color::red});
        table.add(std::move(row));
    };
    Sum all;
    const auto add = [&](const std::string& name, const Json& services, const std::string& missing) {
        Sum sum;
        for (const Json& one : services) {
            sum.add(one);
            all.add(one);
        }
        put(name, sum, missing);
    };
    const std::string unknown = unknown_services(forecast["services"]);
    bool is_whole = unknown.empty();
    add(text(forecast, "balancer") + " (here)", forecast["services"], unknown);
    for (const Json& peer : forecast["peers"]) {
        std::string missing = peer.value("missing", unknown);
        const Json services = peer.value("services", Json::array());
        for (const Json& one : services)
            if (one.contains("missing"))
                missing +=
                    fmt::format("{}{}: {}", missing.empty() ? "" : "; ", text(one, "name"), text(one, "missing"));
        is_whole &= missing.empty();
        add(text(peer, "address") + (peer.contains("name") ? " " + text(peer, "name") : ""), services, missing);
    }
    put(is_whole ? "all" : "all but what is missing", all, "");
    return table.to_string(colored);
}

}  // namespace

std::string forecast_text(const Json& forecast, bool colored) {
    if (!changes_anything(forecast)) return "nothing to change\n";
    std::string text = lines(forecast["changes"], colored);
    if (forecast["services"].empty()) return text + "no backend of a slot or connection changes\n";
    return text + services(forecast["services"], colored) + balancers(forecast, colored);
}

}  // namespace culvert::lbd
