// SPDX-License-Identifier: Apache-2.0
#include "realserver/show/status.hpp"

#include <algorithm>
#include <tuple>

#include <nlohmann/json.hpp>

#include "common/terminal.hpp"
#include "realserver/model/order.hpp"
#include "realserver/plan/plan.hpp"
#include "realserver/plan/wanted.hpp"

namespace culvert::realserver {

namespace {

using common::Color;
using common::Table;
using Verdict = StatusRow::Verdict;

std::string words(const std::optional<Item>& item) {
    if (!item) return "absent";
    const std::string text = value(*item);
    return text.empty() ? "present" : text;
}

struct FamilyOf {
    using Found = std::optional<netlink::Family>;
    Found operator()(const Vip& vip) const { return vip.prefix.address.family(); }
    Found operator()(const Port& port) const { return port.port.family; }
    Found operator()(const Device& device) const { return outer_family(device); }
    Found operator()(const auto& /*of none*/) const { return std::nullopt; }
};

StatusRow row(const Key& key, const std::optional<Item>& wanted, const std::optional<Item>& found) {
    const Verdict verdict = wanted == found ? Verdict::ok
                            : !found        ? Verdict::missing
                            : !wanted       ? Verdict::left_over
                                            : Verdict::differs;
    return {.key = key,
            .wanted = words(wanted),
            .found = words(found),
            .family = std::visit(FamilyOf{}, found ? *found : wanted.value()),
            .verdict = verdict,
            .received = {},
            .decapsulated = {}};
}

/// The counters of XDP programs; empty if all are 0.
std::string decapsulated_table(const std::vector<StatusRow>& rows, bool colored) {
    Table table({{"DEVICE"}, {"XDP"}, {"PACKETS", Table::Align::right}, {"BYTES", Table::Align::right}});
    bool any = false;
    const auto add = [&](const StatusRow& row, std::string what, std::uint64_t packets, std::string bytes) {
        if (packets == 0) return;
        any = true;
        table.add({{row.key.name}, {std::move(what)}, {std::to_string(packets)}, {std::move(bytes)}});
    };
    for (const StatusRow& row : rows) {
        if (!row.decapsulated) continue;
        for (const auto& [kind, packets, bytes] : row.decapsulated->received)
            add(row, "received: " + kind, packets, std::to_string(bytes));
        for (const auto& [reason, packets] : row.decapsulated->dropped) add(row, "dropped: " + reason, packets, "");
        for (const auto& [reason, packets] : row.decapsulated->let_pass) add(row, "let pass: " + reason, packets, "");
    }
    return any ? '\n' + table.to_string(colored) : "";
}

Color color_of(Verdict verdict) { return verdict == Verdict::ok ? Color::green : Color::red; }

}  // namespace

std::string_view name(Verdict verdict) {
    switch (verdict) {
        case Verdict::ok:
            return "ok";
        case Verdict::missing:
            return "missing";
        case Verdict::differs:
            return "differs";
        case Verdict::left_over:
            return "left_over";
    }
    return {};
}

std::vector<StatusRow> status(const Desired& desired, const Observed& observed, const Record& record) {
    std::vector<StatusRow> rows;
    const HostState wanted = want(desired, observed.state, record);
    for (const auto& [key, item] : wanted) rows.push_back(row(key, item, find(observed.state, key)));
    // Also lists settings that are no longer wanted, which a teardown would change.
    for (const Change& change : plan_teardown(observed, record).changes)
        if (!wanted.contains(change.key())) rows.push_back(row(change.key(), change.after, change.before));
    std::ranges::stable_sort(rows, {}, [](const StatusRow& row) {
        return std::tuple(rank(display_order, row.key.kind), std::string_view(row.key.name));
    });
    return rows;
}

void count(DecapCounters counted, StatusRow& row) {
    Received total;
    for (const auto& kind : counted.received) total.packets += kind.packets;
    for (const auto& reason : counted.dropped) total.dropped += reason.packets;
    row.received = total;
    row.decapsulated = std::move(counted);
}

nlohmann::ordered_json to_json(const std::vector<StatusRow>& rows) {
    auto items = nlohmann::ordered_json::array();
    for (const StatusRow& row : rows) {
        nlohmann::ordered_json item{{"kind", name(row.key.kind)},
                                    {"name", row.key.name},
                                    {"wanted", row.wanted},
                                    {"found", row.found},
                                    {"state", name(row.verdict)}};
        if (row.received) {
            item["rx_packets"] = row.received->packets;
            item["rx_dropped"] = row.received->dropped;
        }
        if (row.decapsulated) {
            for (const auto& [kind, packets, bytes] : row.decapsulated->received)
                item["received"][kind] = {{"packets", packets}, {"bytes", bytes}};
            for (const auto& [reason, packets] : row.decapsulated->dropped) item["dropped"][reason] = packets;
            for (const auto& [reason, packets] : row.decapsulated->let_pass) item["let_pass"][reason] = packets;
        }
        items.push_back(std::move(item));
    }
    const bool in_order = std::ranges::all_of(rows, [](const auto& row) { return row.verdict == Verdict::ok; });
    return {{"in_order", in_order}, {"items", std::move(items)}};
}

std::string to_table(const std::vector<StatusRow>& rows, bool colored) {
    Table table({{"KIND"},
                 {"NAME"},
                 {"WANTED"},
                 {"FOUND"},
                 {"STATE"},
                 {"RX PACKETS", Table::Align::right},
                 {"RX DROPPED", Table::Align::right}});
    for (const StatusRow& row : rows) {
        table.add({{std::string(name(row.key.kind))},
                   {row.key.name},
                   {row.wanted},
                   {row.found},
                   {std::string(name(row.verdict)), color_of(row.verdict)},
                   {row.received ? std::to_string(row.received->packets) : ""},
                   {row.received ? std::to_string(row.received->dropped) : ""}});
    }
    return table.to_string(colored) + decapsulated_table(rows, colored);
}

std::string to_brief(const std::vector<StatusRow>& rows, bool colored) {
    Table table({{}, {}, {}});
    for (const StatusRow& row : rows)
        table.add({{std::string(name(row.key.kind))},
                   {std::string(name(row.verdict)), color_of(row.verdict)},
                   {row.key.name}});
    return table.to_string(colored);
}

}  // namespace culvert::realserver
