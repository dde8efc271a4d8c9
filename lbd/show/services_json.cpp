// SPDX-License-Identifier: Apache-2.0
#include "lbd/show/services_json.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "lbd/model/reasons.hpp"
#include "lbd/show/words.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;

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
    json["flows_estimated"] = traffic.flows.estimated;
}

Json ports_of(const ServiceStatus& service) {
    Json ports = Json::array();
    for (const PortSpec& port : service.ports) ports.push_back(to_string(port));
    return ports;
}

Json to_json(const ServiceStatus& service) {
    Json json{{"name", service.name}, {"vip", service.vip.to_string()}, {"ports", ports_of(service)}};
    json["table"] = service.table_size;
    json["sticky"] = service.sticky;
    json["track"] = name(service.track);
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
        backends.push_back({{"name", backend.backend.name},
                            {"address", backend.backend.address.to_string()},
                            {"live_flows", count.live},
                            {"closing_flows", count.closing},
                            {"flows_estimated", count.estimated},
                            {"former_slots", backend.former_slots}});
    }
    return {{"name", service.name},
            {"vip", service.vip.to_string()},
            {"ports", ports_of(service)},
            {"idle_ms", service.idle.count()},
            {"backends", std::move(backends)}};
}

}  // namespace

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

Json flows(const Status& status) {
    std::uint64_t used = 0;
    for (const ServiceStatus& service : status.services) used += service.traffic().flows.entries;
    Json json{{"entries", status.flow_table.entries},
              {"part", status.flow_table.part},
              {"used", used},
              {"key", status.flow_table.key}};
    if (!status.flow_table.configured_key.empty()) json["configured_key"] = status.flow_table.configured_key;
    json["services"] = Json::array();
    return json;
}

void add(View view, const ServiceStatus& service, Json& list) {
    if (view == View::services) list.push_back(to_json(service));
    if (view == View::flows) list.push_back(flows_of(service));
    if (view != View::backends) return;
    for (const BackendStatus& backend : service.backends) list.push_back(to_json(service.name, backend));
}

}  // namespace culvert::lbd
