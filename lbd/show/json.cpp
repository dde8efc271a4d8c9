// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <linux/neighbour.h>

#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include "lbd/model/reasons.hpp"
#include "lbd/show/show.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t backends_a_piece = 256;

/// In one line; names need not be UTF-8.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// A key of an encapsulation.
struct PutKey {
    Json& json;

    template <typename Encap, typename Row>
    void operator()(const Encap& encap, const Row& key) const {
        const auto& value = encap.*key.member;
        if constexpr (requires { key.text(value); })
            json[key.name] = key.text(value);
        else if constexpr (requires { value.to_string(); })
            json[key.name] = value.to_string();
        else
            json[key.name] = value;
    }
};

Json vlans(const std::vector<VlanTag>& tags) {
    Json ids = Json::array();
    for (const VlanTag& tag : tags) ids.push_back(tag.id);
    return ids;
}

void put_traffic(Json& json, const Traffic& traffic) {
    json["packets"] = traffic.packets;
    json["bytes"] = traffic.bytes;
    json["new_flows"] = traffic.new_flows;
    json["live_flows"] = traffic.flows.live;
    json["closing_flows"] = traffic.flows.closing;
}

std::string_view condition_name(Condition condition) {
    switch (condition) {
        case Condition::unknown:
            return "unknown";
        case Condition::up:
            return "up";
        case Condition::down:
            return "down";
    }
    return {};
}

Json to_json(const ServiceStatus& service) {
    Json json{{"name", service.name}, {"vip", service.vip.to_string()}, {"ports", Json::array()}};
    for (const PortSpec& port : service.ports) json["ports"].push_back(to_string(port));
    json["table"] = service.table_size;
    json["sticky"] = service.sticky;
    put_traffic(json, service.traffic());
    json["backends"] = Json::array();
    for (const BackendStatus& backend : service.backends) {
        Json one{{"name", backend.backend.name}, {"reachable", backend.hop.has_value()}};
        if (backend.check) one["health"] = condition_name(backend.check->condition);
        json["backends"].push_back(std::move(one));
    }
    return json;
}

std::string_view state_name(BackendState state) {
    switch (state) {
        case BackendState::active:
            return "active";
        case BackendState::drain:
        case BackendState::drained_sorry:
            return "drain";
        case BackendState::sorry:
            return "sorry";
    }
    return {};
}

void put_check(Json& json, const CheckStatus& check) {
    json["health"] = condition_name(check.condition);
    if (!check.reason.empty()) json["health_reason"] = check.reason;
    json["probe_address"] = check.address.to_string();
    json["latency_us"] = check.latency.count();
}

Json to_json(const std::string& service, const BackendStatus& status) {
    Json json{{"service", service},
              {"name", status.backend.name},
              {"address", status.backend.address.to_string()},
              {"encap", to_json(status.backend.encap)},
              {"state", state_name(status.backend.state)},
              {"weight", status.backend.weight},
              {"share", status.share}};
    if (status.hop) {
        json["interface"] = status.interface;
        if (!status.hop->tags.empty()) json["vlans"] = vlans(status.hop->tags);
        json["mac"] = status.hop->destination.to_string();
        json["source"] = status.hop->from.to_string();
        json["mtu"] = status.hop->narrowest();
        if (const auto& path = status.path_mtu)
            json["path_mtu"] = {
                {"router", path->router.to_string()}, {"told", path->told}, {"expires_s", path->left.count()}};
        if (status.ipv6_needs) json["ipv6_needs_mtu"] = *status.ipv6_needs;
    } else {
        json["reason"] = reasons[status.hop.error()].name;
        json["reason_text"] = reasons[status.hop.error()].text;
        if (!status.unresolved.empty()) json["unresolved"] = status.unresolved;
    }
    if (status.check) put_check(json, *status.check);
    put_traffic(json, status.traffic);
    return json;
}

Json flows_of(const ServiceStatus& service) {
    Json backends = Json::array();
    for (const BackendStatus& backend : service.backends) {
        const FlowCount& count = backend.traffic.flows;
        backends.push_back(
            {{"name", backend.backend.name}, {"live_flows", count.live}, {"closing_flows", count.closing}});
    }
    return {{"name", service.name}, {"idle_ms", service.idle.count()}, {"backends", std::move(backends)}};
}

/// But for its services.
Json flows(const Status& status) {
    std::uint64_t used = 0;
    for (const ServiceStatus& service : status.services) {
        const FlowCount count = service.traffic().flows;
        used += count.live + count.closing;
    }
    return {{"entries", status.flow_table.entries}, {"used", used}, {"services", Json::array()}};
}

/// What a view that is a list of services, or has one, says of one.
void add(View view, const ServiceStatus& service, Json& list) {
    if (view == View::services) list.push_back(to_json(service));
    if (view == View::flows) list.push_back(flows_of(service));
    if (view != View::backends) return;
    for (const BackendStatus& backend : service.backends) list.push_back(to_json(service.name, backend));
}

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
    // They were counted before they were lost.
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

}  // namespace

Json to_json(const Encap& encap) {
    Json json{{"type", name(kind_of(encap))}};
    std::visit(
        [&]<typename Kind>(const Kind& kind) { for_each_key<Kind>([&](const auto& key) { PutKey{json}(kind, key); }); },
        encap);
    return json;
}

std::string to_string(const PortSpec& port) {
    const std::string range = port.last > port.port ? fmt::format("-{}", port.last) : "";
    return fmt::format("{}{}/{}", port.port == 0 ? "any" : std::to_string(port.port), range, name(port.protocol));
}

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
