// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

#include "common/terminal.hpp"
#include "lbd/model/announce.hpp"
#include "lbd/model/cure.hpp"
#include "lbd/show/cluster.hpp"
#include "lbd/show/text.hpp"
#include "lbd/show/words.hpp"

namespace culvert::lbd {
namespace {

using common::Color;
using common::Table;
using Json = nlohmann::ordered_json;

using enum Table::Align;

std::string joined(const Json& list) { return fmt::format("{}", fmt::join(list.get<std::vector<std::string>>(), " ")); }

/// "eth0 02:00:00:00:00:30", "eth0 vlan 10 02:…"
std::string via(const Json& backend) {
    std::string result = text(backend, "interface");
    if (backend.contains("vlans"))
        for (const Json& id : backend["vlans"]) result += " vlan " + id.dump();
    result += " " + text(backend, "mac");
    if (backend.contains("path_mtu")) result += " mtu " + text(backend, "mtu");
    if (backend.contains("ipv6_needs_mtu")) result += ", IPv6 needs mtu " + text(backend, "ipv6_needs_mtu");
    return result;
}

Table::Cell via_cell(const Json& backend) {
    if (!backend.contains("mac"))
        return {backend.contains("unresolved") ? text(backend, "reason") + ": " + text(backend, "unresolved")
                                               : text(backend, "reason"),
                Color::red};
    return {via(backend), backend.contains("ipv6_needs_mtu") ? Color::red
                          : backend.contains("path_mtu")     ? Color::yellow
                                                             : Color::none};
}

/// 1234567 bytes become "1.2M": powers of 1000, as for rates.
std::string bytes(std::uint64_t count) {
    if (count < 10'000) return std::to_string(count);
    auto value = static_cast<double>(count);
    const char* unit = "kMGTPE";
    for (value /= 1000; value >= 1000; value /= 1000) ++unit;
    return fmt::format("{:.1f}{}", value, *unit);
}

std::string services(const Json& list, bool colored) {
    Table table(
        {{"SERVICE"}, {"VIP"}, {"PORTS"}, {"BACKENDS", right}, {"PACKETS", right}, {"BYTES", right}, {"FLOWS", right}});
    for (const Json& one : list) {
        const auto working = std::ranges::count_if(one["backends"], works);
        const auto all = std::ssize(one["backends"]);
        const Color color = working == all ? Color::green : working == 0 ? Color::red : Color::yellow;
        table.add({{text(one, "name")},
                   {text(one, "vip")},
                   {joined(one["ports"])},
                   {fmt::format("{}/{}", working, all), color},
                   {text(one, "packets")},
                   {bytes(one["bytes"])},
                   {live_flows(one)}});
    }
    return table.to_string(colored);
}

Table::Cell health(const Json& backend) {
    if (!backend.contains("health")) return {"-", Color::dim};
    const std::string condition = text(backend, "health");
    if (condition == "down") return {"down: " + text(backend, "health_reason"), Color::red};
    return {condition, condition == "up" ? Color::green : Color::yellow};
}

/// Has a column for health if any backend is checked.
std::string backends(const Json& list, bool colored) {
    const bool checked = std::ranges::any_of(list, [](const Json& one) { return one.contains("health"); });
    std::vector<Table::Column> columns{{"SERVICE"},       {"BACKEND"},      {"ENCAP"},      {"STATE"},
                                       {"WEIGHT", right}, {"SHARE", right}, {"VIA"},        {"PACKETS", right},
                                       {"BYTES", right},  {"NEW", right},   {"LIVE", right}};
    if (checked) columns.insert(columns.begin() + 4, {"HEALTH"});
    Table table(std::move(columns));
    for (const Json& one : list) {
        const std::string name = text(one, "name"), address = text(one, "address");
        std::vector<Table::Cell> row{{text(one, "service")},
                                     {name == address ? name : name + " " + address},
                                     {encap_text(one["encap"])},
                                     {text(one, "state")},
                                     {text(one, "weight")},
                                     {fmt::format("{:.1f}%", one["share"].get<double>() * 100)},
                                     via_cell(one),
                                     {text(one, "packets")},
                                     {bytes(one["bytes"])},
                                     {text(one, "new_flows")},
                                     {live_flows(one)}};
        if (checked) row.insert(row.begin() + 4, health(one));
        table.add(std::move(row));
    }
    return table.to_string(colored);
}

std::string flows(const Json& json, bool colored) {
    Table table({{"SERVICE"}, {"BACKEND"}, {"IDLE", right}, {"LIVE", right}, {"CLOSING", right}});
    for (const Json& service : json["services"])
        for (const Json& backend : service["backends"])
            table.add({{text(service, "name")},
                       {text(backend, "name")},
                       {fmt::format("{} s", service["idle_ms"].get<double>() / 1000)},
                       {live_flows(backend)},
                       {text(backend, "closing_flows")}});
    const double load = json["used"].get<double>() / json["entries"].get<double>();
    const std::string other =
        json.contains("configured_key")
            ? fmt::format("; the configured one is {} ({})", text(json, "configured_key"), cure_of("key_kept"))
            : "";
    return table.to_string(colored) +
           fmt::format("{} of {} entries used ({:.1f}%), in a part of {}\n", text(json, "used"), text(json, "entries"),
                       100 * load, text(json, "part")) +
           fmt::format("key {} in force{}\n", text(json, "key"), other);
}

/// "10.0.2.30 mtu 1500, 10.0.2.31"
std::string served(const Json& backends) {
    std::vector<std::string> all;
    for (const Json& one : backends)
        all.push_back(text(one, "address") + (one.contains("mtu") ? " mtu " + text(one, "mtu") : ""));
    return fmt::format("{}", fmt::join(all, ", "));
}

std::string neighbours(const Json& list, bool colored) {
    Table table({{"ADDRESS"}, {"INTERFACE"}, {"MAC"}, {"STATE"}, {"FOR", right}, {"BACKENDS"}});
    for (const Json& one : list)
        table.add({{text(one, "address")},
                   {text(one, "interface")},
                   {text(one, "mac")},
                   {text(one, "state"), one.contains("mac") ? Color::none : Color::red},
                   {one.contains("age_s") ? duration_text(one["age_s"]) : "-"},
                   {served(one["backends"])}});
    return table.to_string(colored);
}

std::string role(const Json& interface) {
    if (interface.contains("member_of")) return "member of " + text(interface, "member_of");
    if (interface.contains("vlan")) return "vlan " + text(interface, "vlan") + " of " + text(interface, "vlan_of");
    return "balanced on";
}

std::string interfaces(const Json& list, bool colored) {
    Table table({{"INTERFACE"}, {"INDEX", right}, {"ROLE"}, {"XDP"}, {"MAC"}, {"MTU", right}, {"STATE"}});
    for (const Json& one : list) {
        const bool works = one["up"].get<bool>() && one["carrier"].get<bool>();
        const char* state = !one.contains("index")   ? "absent"
                            : !one["up"].get<bool>() ? "down"
                            : works                  ? "up"
                                                     : "no carrier";
        table.add({{text(one, "name")},
                   {text(one, "index")},
                   {role(one)},
                   {text(one, "xdp"), one.value("xdp", "") == "generic" ? Color::yellow : Color::none},
                   {text(one, "mac")},
                   {text(one, "mtu")},
                   {state, works ? Color::green : Color::red}});
    }
    std::string risks;
    for (const Json& one : list)
        if (one.value("accepts_redirects", false))
            risks += fmt::format("{}: this host follows ICMP redirects, which anybody can forge\n", text(one, "name"));
    return table.to_string(colored) + risks;
}

/// "mean 75 ns, 50% up to 64 ns, 99% up to 256 ns, of 4711 packets measured"
std::string latency(const Json& json) {
    if (!json.contains("mean_ns")) return {};
    std::string result = fmt::format("latency: mean {} ns", text(json, "mean_ns"));
    for (const auto& [key, part] : {std::pair("p50_ns", "50%"), std::pair("p99_ns", "99%")})
        if (json.contains(key)) result += fmt::format(", {} up to {} ns", part, text(json, key));
    return result + fmt::format(", of {} packets measured\n", text(json, "packets"));
}

std::string counters(const Json& json, bool colored) {
    Table table({{"PACKETS", right}, {"VERDICT"}, {"WHY"}});
    table.add({{text(json["forwarded"], "packets")}, {"forwarded"}, {"to a backend"}});
    for (const Json& one : json["dropped"])
        table.add({{text(one, "packets"), one["packets"] == 0 ? Color::dim : Color::red},
                   {text(one, "reason")},
                   {text(one, "text")}});
    for (const Json& one : json["events"])
        table.add({{text(one, "count"), one["count"] == 0 ? Color::dim : Color::none},
                   {text(one, "event")},
                   {text(one, "text")}});
    return table.to_string(colored) + (json.contains("latency") ? latency(json["latency"]) : "");
}

/// "dns up, web down"
std::string parts(const Json& services) {
    std::vector<std::string> all;
    for (const Json& one : services) all.push_back(text(one, "name") + " " + text(one, "state"));
    return fmt::format("{}", fmt::join(all, ", "));
}

std::string announcements(const Json& json, bool colored) {
    if (!json.contains("table")) return fmt::format("nothing is announced: {}\n", cure_of("nothing_announced"));
    Table table({{"VIP"}, {"ANNOUNCED"}, {"METRIC", right}, {"FOR", right}, {"SERVICES"}, {"WHY"}});
    for (const Json& one : json["vips"]) {
        const bool announced = one["announced"].get<bool>();
        table.add({{text(one, "vip")},
                   {announced ? "yes" : "no", announced ? Color::green : Color::red},
                   {text(one, "metric")},
                   {duration_text(one["age_s"])},
                   {parts(one["services"])},
                   {text(one, "text")}});
    }
    const bool is_main = json["table"] == Announce::main_table;
    return table.to_string(colored) + fmt::format("routes of protocol {} in table {}\n", text(json, "protocol"),
                                                  is_main ? "main" : text(json, "table"));
}

}  // namespace

std::string to_table(View view, const Json& json, bool colored) {
    switch (view) {
        case View::services:
            return services(json, colored);
        case View::backends:
            return backends(json, colored);
        case View::flows:
            return flows(json, colored);
        case View::neighbours:
            return neighbours(json, colored);
        case View::interfaces:
            return interfaces(json, colored);
        case View::counters:
            return counters(json, colored);
        case View::announcements:
            return announcements(json, colored);
        case View::cluster:
            return cluster_table(json, colored);
    }
    return {};
}

}  // namespace culvert::lbd
