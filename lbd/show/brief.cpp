// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

#include "common/terminal.hpp"
#include "lbd/show/cluster.hpp"
#include "lbd/show/text.hpp"
#include "lbd/show/words.hpp"

namespace culvert::lbd {
namespace {

using common::Color;
using common::Table;
using Json = nlohmann::ordered_json;

using enum Table::Align;

Table::Cell condition(const Json& backend) {
    if (!backend.contains("mac")) return {"unreachable", Color::red};
    if (backend.value("health", "") == "down") return {"down", Color::red};
    const std::string state = text(backend, "state");
    return {state, state == "active" ? Color::green : Color::yellow};
}

Table services(const Json& list) {
    Table table({{}, {}, {}});
    for (const Json& one : list) {
        const auto working = std::ranges::count_if(one["backends"], works);
        const auto all = std::ssize(one["backends"]);
        table.add({{text(one, "name")},
                   {fmt::format("{}/{}", working, all), working == all ? Color::green : Color::red},
                   {text(one, "vip")}});
    }
    return table;
}

Table backends(const Json& list) {
    Table table({{}, {}, {}, {}});
    for (const Json& one : list)
        table.add({{text(one, "service")}, {text(one, "name")}, condition(one), {encap_text(one["encap"])}});
    return table;
}

Table flows(const Json& json) {
    Table table({{}, {}, {.title = {}, .align = right}});
    for (const Json& service : json["services"])
        for (const Json& backend : service["backends"])
            table.add({{text(service, "name")}, {text(backend, "name")}, {backend["live_flows"].dump()}});
    return table;
}

Table neighbours(const Json& list) {
    Table table({{}, {}, {}, {}});
    for (const Json& one : list)
        table.add({{text(one, "address")},
                   {text(one, "state"), one.contains("mac") ? Color::none : Color::red},
                   {text(one, "interface")},
                   {text(one, "mac")}});
    return table;
}

Table interfaces(const Json& list) {
    Table table({{}, {}, {}});
    for (const Json& one : list) {
        const bool works = one["up"] == true && one["carrier"] == true;
        table.add(
            {{text(one, "name")}, {works ? "up" : "down", works ? Color::green : Color::red}, {text(one, "xdp")}});
    }
    return table;
}

/// Leaves out counters that are zero.
Table counters(const Json& json) {
    Table table({{.title = {}, .align = right}, {}});
    table.add({{json["forwarded"]["packets"].dump()}, {"forwarded"}});
    for (const Json& one : json["dropped"])
        if (one["packets"] != 0) table.add({{one["packets"].dump(), Color::red}, {text(one, "reason")}});
    for (const Json& one : json["events"])
        if (one["count"] != 0) table.add({{one["count"].dump()}, {text(one, "event")}});
    return table;
}

Table announcements(const Json& json) {
    Table table({{}, {}, {}});
    for (const Json& one : json["vips"]) {
        const bool announced = one["announced"].get<bool>();
        table.add({{text(one, "vip")},
                   {announced ? "announced" : "withdrawn", announced ? Color::green : Color::red},
                   {text(one, "state")}});
    }
    return table;
}

Table table_of(View view, const Json& json) {
    switch (view) {
        case View::services:
            return services(json);
        case View::backends:
            return backends(json);
        case View::flows:
            return flows(json);
        case View::neighbours:
            return neighbours(json);
        case View::interfaces:
            return interfaces(json);
        case View::counters:
            return counters(json);
        case View::announcements:
            return announcements(json);
        case View::cluster:
            return cluster_brief(json);
    }
    return Table({});
}

}  // namespace

std::string to_brief(View view, const Json& json, bool colored) { return table_of(view, json).to_string(colored); }

}  // namespace culvert::lbd
