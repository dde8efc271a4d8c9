// SPDX-License-Identifier: Apache-2.0
#include "realserver/show/traffic.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "common/terminal.hpp"
#include "realserver/guard/guard.hpp"

namespace culvert::realserver {

namespace {

using common::Color;
using common::Table;
using netlink::nft::Tallies;
using nlohmann::ordered_json;

struct Caught {
    Reason reason;
    netlink::nft::Tally tally;
};

std::vector<Caught> caught(const Tallies& tallies) {
    std::vector<Caught> result;
    for (const Reason& reason : reasons)
        if (const auto found = tallies.find(std::string(reason.chain)); found != tallies.end())
            result.push_back({reason, found->second});
    return result;
}

std::string_view name(Guard policy) {
    switch (policy) {
        case Guard::strict:
            return "strict";
        case Guard::log:
            return "log";
        case Guard::off:
            return "off";
    }
    return {};
}

}  // namespace

ordered_json guard_to_json(Guard policy, const Tallies& tallies) {
    auto list = ordered_json::array();
    for (const auto& [reason, tally] : caught(tallies))
        list.push_back(
            {{"reason", reason.chain}, {"text", reason.text}, {"packets", tally.packets}, {"bytes", tally.bytes}});
    return {{"policy", name(policy)}, {"caught", std::move(list)}};
}

std::string guard_to_table(Guard policy, const Tallies& tallies, bool colored) {
    Table table({{policy == Guard::log ? "LOGGED BY THE GUARD" : "DROPPED BY THE GUARD"},
                 {"BECAUSE"},
                 {"PACKETS", Table::Align::right},
                 {"BYTES", Table::Align::right}});
    const auto rows = caught(tallies);
    for (const auto& [reason, tally] : rows) {
        const Color color = tally.packets == 0 ? Color::none : Color::yellow;
        table.add({{std::string(reason.chain)},
                   {std::string(reason.text)},
                   {std::to_string(tally.packets), color},
                   {std::to_string(tally.bytes)}});
    }
    return rows.empty() ? std::string() : table.to_string(colored);
}

ordered_json to_json(const std::vector<Room>& rooms) {
    auto list = ordered_json::array();
    for (const Room& room : rooms)
        list.push_back({{"tunnel", room.tunnel},
                        {"outer", netlink::name(room.outer)},
                        {"inner", netlink::name(room.inner)},
                        {"overhead", room.overhead},
                        {"mtu", room.mtu},
                        {"mss", room.mss()}});
    return list;
}

ordered_json to_json(const std::vector<OtherTunnel>& others) {
    auto list = ordered_json::array();
    for (const OtherTunnel& other : others)
        list.push_back(
            {{"device", other.device},
             {"what", other.what},
             {"takes_packets_of", other.instead_of.empty() ? ordered_json() : ordered_json(other.instead_of)},
             {"rp_filter", other.rp_filter},
             {"listed", other.listed}});
    return list;
}

std::string to_table(const std::vector<OtherTunnel>& others, bool colored) {
    Table table({{"TUNNEL OF OTHERS"}, {"IS"}, {"TAKES PACKETS OF"}, {"RP_FILTER", Table::Align::right}, {"LISTED"}});
    for (const OtherTunnel& other : others)
        table.add({{other.device},
                   {other.what},
                   {other.instead_of, Color::red},
                   {other.instead_of.empty() ? "" : std::to_string(other.rp_filter),
                    other.rp_filter == 0 ? Color::none : Color::red},
                   {other.listed ? "yes" : "no", other.listed ? Color::none : Color::red}});
    return others.empty() ? std::string() : table.to_string(colored);
}

std::string to_table(const std::vector<Room>& rooms, bool colored) {
    Table table({{"TUNNEL"},
                 {"OUTER"},
                 {"INNER"},
                 {"OVERHEAD", Table::Align::right},
                 {"MTU", Table::Align::right},
                 {"MSS", Table::Align::right}});
    for (const Room& room : rooms)
        table.add({{room.tunnel},
                   {std::string(netlink::name(room.outer))},
                   {std::string(netlink::name(room.inner))},
                   {std::to_string(room.overhead)},
                   {std::to_string(room.mtu)},
                   {std::to_string(room.mss())}});
    return rooms.empty() ? std::string() : table.to_string(colored);
}

}  // namespace culvert::realserver
