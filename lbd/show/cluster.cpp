// SPDX-License-Identifier: Apache-2.0
#include "lbd/show/cluster.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "common/terminal.hpp"
#include "lbd/show/words.hpp"

namespace culvert::lbd {
namespace {

using common::Color;
using common::Table;
using Json = nlohmann::ordered_json;

using enum Table::Align;

std::string_view word(PeerStatus::State state) {
    switch (state) {
        case PeerStatus::State::away:
            return "away";
        case PeerStatus::State::joining:
            return "joining";
        case PeerStatus::State::up:
            return "up";
    }
    return {};
}

Json peer_json(const PeerStatus& peer) {
    Json json{{"address", peer.address.to_string()}};
    if (!peer.name.empty()) json["name"] = peer.name;
    if (!peer.version.empty()) json["version"] = peer.version;
    json["state"] = word(peer.state);
    json["since_s"] = peer.since.count();
    if (!peer.reason.empty()) json["reason"] = peer.reason;
    if (peer.round_trip) json["round_trip_us"] = peer.round_trip->count();
    json["records_in"] = peer.records_in;
    json["records_out"] = peer.records_out;
    json["bytes_in"] = peer.bytes_in;
    json["bytes_out"] = peer.bytes_out;
    json["connections"] = peer.connections;
    json["queued_bytes"] = peer.queued;
    json["lag_ms"] = peer.lag.count();
    json["disagreements"] = peer.disagreements;
    json["differences"] = Json::array();
    for (const Disagreement& one : peer.first_ones) {
        Json& difference = json["differences"].emplace_back(Json::object());
        if (!one.service.empty()) difference["service"] = one.service;
        if (!one.key.empty()) difference["key"] = one.key;
        if (!one.here.empty()) difference["here"] = one.here;
        if (!one.there.empty()) difference["there"] = one.there;
        difference["text"] = text_of(one, peer.address.to_string());
    }
    return json;
}

Table::Cell state(const Json& peer) {
    const std::string state = text(peer, "state");
    if (state == "up") return {state, Color::green};
    return {peer.contains("reason") ? state + ": " + text(peer, "reason") : state,
            state == "away" ? Color::red : Color::yellow};
}

std::string milliseconds(const Json& peer, const char* key) {
    return peer.contains(key) ? fmt::format("{:.1f} ms", peer[key].get<double>() / 1000) : "-";
}

}  // namespace

Json cluster_json(const std::optional<ClusterStatus>& status) {
    if (!status) return {{"peers", Json::array()}};
    Json json{{"name", status->name},
              {"version", status->version},
              {"joined", status->joined},
              {"waiting", status->waiting},
              {"refused", status->strangers}};
    if (!status->last_stranger.empty()) json["last_refused"] = status->last_stranger;
    json["peers"] = Json::array();
    for (const PeerStatus& peer : status->peers) json["peers"].push_back(peer_json(peer));
    return json;
}

std::string cluster_table(const Json& json, bool colored) {
    if (!json.contains("joined")) return "there are no peers: write cluster: {key_file: …, peers: [ADDRESS, …]}\n";
    Table table({{"PEER"},
                 {"NAME"},
                 {"VERSION"},
                 {"STATE"},
                 {"FOR", right},
                 {"ROUND TRIP", right},
                 {"RECORDS IN", right},
                 {"OUT", right},
                 {"LAG", right},
                 {"DIFFERENCES", right}});
    std::string differences;
    for (const Json& peer : json["peers"]) {
        const auto count = peer["disagreements"].get<std::size_t>();
        table.add({{text(peer, "address")},
                   {text(peer, "name")},
                   {text(peer, "version")},
                   state(peer),
                   {duration_text(peer["since_s"])},
                   {milliseconds(peer, "round_trip_us")},
                   {text(peer, "records_in")},
                   {text(peer, "records_out")},
                   {text(peer, "lag_ms") + " ms"},
                   {std::to_string(count), count == 0 ? Color::none : Color::yellow}});
        for (const Json& one : peer["differences"]) differences += text(one, "text") + "\n";
        if (count > peer["differences"].size())
            differences += fmt::format("{} more on {}\n", count - peer["differences"].size(), text(peer, "address"));
    }
    std::string others;
    if (json["joined"] == false) others += "not joined yet: some peers have not said everything\n";
    if (json["refused"] != 0)
        others += fmt::format("{} connections refused, last {}\n", json["refused"].dump(), text(json, "last_refused"));
    return table.to_string(colored) + differences + others;
}

common::Table cluster_brief(const Json& json) {
    Table table({{}, {}, {}});
    for (const Json& peer : json["peers"])
        table.add({{text(peer, "address")},
                   {text(peer, "state"), peer["state"] == "up" ? Color::green : Color::red},
                   {peer["disagreements"] == 0 ? "agrees" : "differs"}});
    return table;
}

}  // namespace culvert::lbd
