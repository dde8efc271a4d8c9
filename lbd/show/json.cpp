// SPDX-License-Identifier: Apache-2.0
#include "lbd/show/json.hpp"

#include <linux/neighbour.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include "lbd/model/reasons.hpp"
#include "lbd/show/cluster.hpp"
#include "lbd/show/services_json.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t backends_a_piece = 256;

/// On one line. Names need not be UTF-8.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json all_services(View view, const Status& status) {
    Json list = Json::array();
    for (const ServiceStatus& service : status.services) add(view, service, list);
    return list;
}

std::string_view state_name(std::uint16_t state) {
    switch (state) {
        case NUD_INCOMPLETE:
            return "incomplete";
        case NUD_REACHABLE:
            return "reachable";
        case NUD_STALE:
            return "stale";
        case NUD_DELAY:
            return "delay";
        case NUD_PROBE:
            return "probe";
        case NUD_FAILED:
            return "failed";
        case NUD_NOARP:
            return "noarp";
        case NUD_PERMANENT:
            return "permanent";
        default:
            return "none";
    }
}

Json neighbours(const Status& status) {
    Json list = Json::array();
    for (const NeighbourStatus& one : status.neighbours) {
        Json json{{"address", one.neighbour.address.to_string()}, {"interface", one.interface}};
        if (one.neighbour.mac) json["mac"] = one.neighbour.mac->to_string();
        json["state"] = state_name(one.neighbour.state);
        if (one.age) json["age_s"] = one.age->count();
        json["managed"] = one.neighbour.managed;
        json["backends"] = Json::array();
        for (const auto& [backend, mtu] : one.backends) {
            Json& served = json["backends"].emplace_back(Json{{"address", backend.to_string()}});
            if (mtu) served["mtu"] = *mtu;
        }
        list.push_back(std::move(json));
    }
    return list;
}

Json interfaces(const Status& status) {
    Json list = Json::array();
    for (const InterfaceStatus& one : status.interfaces) {
        Json json{{"name", one.name}};
        if (one.link) json["index"] = one.link->index;
        if (one.mode) json["xdp"] = one.mode == XdpMode::generic ? "generic" : "native";
        if (!one.member_of.empty()) json["member_of"] = one.member_of;
        if (!one.vlan_of.empty()) {
            json["vlan"] = std::get<netlink::Vlan>(one.link->details).id;
            json["vlan_of"] = one.vlan_of;
        }
        if (one.link && one.link->mac) json["mac"] = one.link->mac->to_string();
        if (one.link) json["mtu"] = one.link->mtu;
        json["up"] = one.link && one.link->is_up();
        json["carrier"] = one.link && one.link->has_carrier();
        if (one.member_of.empty()) json["accepts_redirects"] = one.accepts_redirects;
        list.push_back(std::move(json));
    }
    return list;
}

Json latency(const Latency& latency) {
    Json json{{"packets", latency.packets()}};
    if (latency.packets() == 0) return json;
    json["mean_ns"] = latency.sum / latency.packets();
    if (const auto bound = latency.quantile(0.5)) json["p50_ns"] = *bound;
    if (const auto bound = latency.quantile(0.99)) json["p99_ns"] = *bound;
    json["histogram"] = Json::array();
    for (std::size_t i = 0; i < latency.counts.size(); ++i) {
        if (latency.counts.at(i) == 0) continue;
        Json& bucket = json["histogram"].emplace_back(Json::object());
        if (const auto bound = Latency::bound(i)) bucket["up_to_ns"] = *bound;
        bucket["packets"] = latency.counts.at(i);
    }
    return json;
}

Json counters(const Status& status) {
    Traffic forwarded;
    for (const ServiceStatus& service : status.services) forwarded += service.traffic();
    // Such packets were counted as forwarded before they were lost.
    forwarded.packets -= std::min(forwarded.packets, status.drops[LB_DROP_NOT_SENT]);
    Json dropped = Json::array();
    for (std::size_t i = 0; i < status.drops.size(); ++i)
        dropped.push_back({{"reason", reasons[i].name}, {"text", reasons[i].text}, {"packets", status.drops[i]}});
    Json others = Json::array();
    for (std::size_t i = 0; i < status.events.size(); ++i)
        others.push_back({{"event", events[i].name}, {"text", events[i].text}, {"count", status.events[i]}});
    Json json{
        {"forwarded", {{"packets", forwarded.packets}, {"bytes", forwarded.bytes}, {"new_flows", forwarded.new_flows}}},
        {"dropped", std::move(dropped)},
        {"events", std::move(others)}};
    if (status.latency) json["latency"] = latency(*status.latency);
    return json;
}

Json announcements(const AnnouncementsStatus& status) {
    Json json = Json::object();
    if (status.configured) {
        const Announce& how = *status.configured;
        json["table"] = how.table;
        json["protocol"] = how.protocol;
        json["hold_ms"] = how.hold.count();
        json["when"] = how.when == AnnounceWhen::any ? "any" : "all";
    }
    json["left"] = status.left;
    json["vips"] = Json::array();
    for (const Announcement& one : status.vips) {
        Json vip{{"vip", one.vip.to_string()},       {"metric", one.metric},
                 {"announced", one.announced},       {"state", words_of(one.state).name},
                 {"text", words_of(one.state).text}, {"age_s", one.age.count() / 1000}};
        if (one.wait) vip["wait_ms"] = one.wait->count();
        vip["services"] = Json::array();
        for (const auto& [service, condition] : one.parts)
            vip["services"].push_back({{"name", service}, {"state", condition_name(condition)}});
        json["vips"].push_back(std::move(vip));
    }
    return json;
}

}  // namespace

Json to_json(View view, const Status& status) {
    switch (view) {
        case View::services:
        case View::backends:
            return all_services(view, status);
        case View::flows: {
            Json json = flows(status);
            json["services"] = all_services(view, status);
            return json;
        }
        case View::neighbours:
            return neighbours(status);
        case View::interfaces:
            return interfaces(status);
        case View::counters:
            return counters(status);
        case View::announcements:
            return announcements(status.announcements);
        case View::cluster:
            return cluster_json(status.cluster);
    }
    return {};
}

JsonText::JsonText(View view, Status status) : view_(view), status_(std::move(status)) {
    const bool is_long = view_ == View::services || view_ == View::backends || view_ == View::flows;
    head_ = dump(!is_long ? to_json(view_, status_) : view_ == View::flows ? flows(status_) : Json::array());
    if (!is_long) return;
    tail_ = head_.substr(head_.rfind(']'));
    head_.resize(head_.size() - tail_.size());
}

std::string JsonText::next() {
    if (!head_.empty()) return std::exchange(head_, {});
    if (tail_.empty()) return {};
    Json list = Json::array();
    const bool goes_on = service_ > 0;
    for (std::size_t backends = 0; service_ < status_.services.size() && backends < backends_a_piece; ++service_) {
        add(view_, status_.services[service_], list);
        backends += status_.services[service_].backends.size();
    }
    if (list.empty()) return std::exchange(tail_, {});
    std::string text = dump(list);
    text.pop_back();
    if (goes_on)
        text.front() = ',';
    else
        text.erase(0, 1);
    return text;
}

}  // namespace culvert::lbd
