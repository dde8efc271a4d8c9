// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/json.hpp"

#include <nlohmann/json.hpp>

#include "lbd/plan/turnover.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;
using Rule = Turnover::Rule;

/// Whether other balancers can be asked about it.
bool can_be_counted(const Turnover& turnover) { return turnover.rule == Rule::stays || turnover.rule == Rule::table; }

/// Whether it is known which connections are in slots that change.
bool knows_slots(const Turnover& turnover) { return !turnover.by_client || !turnover.changes; }

/// Why nobody can count which connections move or stay; null: somebody can.
const char* why_unknown(const Turnover& turnover) {
    switch (turnover.rule) {
        case Rule::stays:
        case Rule::table:
            return knows_slots(turnover) ? nullptr
                                         : "sticky: the flow table does not tell the slots of clients, so nobody knows "
                                           "which of the connections that stay are in slots that change";
        case Rule::unknown:
            return "ports, addresses or UDP flows go elsewhere, and the flow table does not tell whose connections "
                   "that are";
        case Rule::untracked:
            return "its flows are not tracked (track: none): those in slots that change move";
    }
    return nullptr;
}

void put(Json& json, const Turnover& turnover, const TurnoverCount& count) {
    if (turnover.rule == Rule::untracked) return;
    json["live_flows"] = count.live;
    json["flows_estimated"] = count.estimated;
    if (turnover.rule == Rule::unknown) return;
    if (knows_slots(turnover)) json["stay"] = count.stay;
    json["move"] = count.move;
}

Json change_json(const ConfigChange& change) {
    Json json{{"action", change.before.empty()  ? "add"
                         : change.after.empty() ? "remove"
                                                : "change"},
              {"what", change.what}};
    if (!change.before.empty()) json["before"] = change.before;
    if (!change.after.empty()) json["after"] = change.after;
    json["text"] = change.to_string();
    return json;
}

Json peer_json(const PeerForecast& peer, const std::vector<Turnover>& turnovers) {
    Json json{{"address", peer.address.to_string()}};
    if (!peer.name.empty()) json["name"] = peer.name;
    if (!peer.missing.empty()) {
        json["missing"] = peer.missing;
        return json;
    }
    json["services"] = Json::array();
    for (std::size_t i = 0; i < turnovers.size(); ++i) {
        if (!can_be_counted(turnovers[i])) continue;
        Json& service = json["services"].emplace_back(Json{{"name", turnovers[i].service}});
        if (peer.of[i].missing.empty())
            put(service, turnovers[i], peer.of[i].count);
        else
            service["missing"] = peer.of[i].missing;
    }
    return json;
}

}  // namespace

Json forecast_json(const Forecast& forecast) {
    Json json{{"changes", Json::array()}, {"services", Json::array()}, {"peers", Json::array()}};
    for (const ConfigChange& change : forecast.changes) json["changes"].push_back(change_json(change));
    for (std::size_t i = 0; i < forecast.turnovers.size(); ++i) {
        const Turnover& turnover = forecast.turnovers[i];
        Json& service = json["services"].emplace_back(Json{{"name", turnover.service}});
        service["slots"] = turnover.slots;
        service["changed_slots"] = changed_slots(turnover);
        put(service, turnover, forecast.here.at(i));
        if (const char* why = why_unknown(turnover)) service["unknown"] = why;
    }
    if (!forecast.balancer.empty()) json["balancer"] = forecast.balancer;
    for (const PeerForecast& peer : forecast.peers) json["peers"].push_back(peer_json(peer, forecast.turnovers));
    return json;
}

bool changes_anything(const Json& forecast) { return !forecast["changes"].empty() || !forecast["services"].empty(); }

}  // namespace culvert::lbd
