// SPDX-License-Identifier: Apache-2.0
#include "lbd/watch/rates.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array rated{"packets", "bits", "new_flows"};

double per_second(std::uint64_t before, std::uint64_t after, double seconds) {
    return after < before || seconds <= 0 ? 0 : static_cast<double>(after - before) / seconds;
}

/// The rates of one backend, rounded to tenths.
Json rate(const Json& before, const Json& after, double seconds) {
    const auto of = [&](const char* key) {
        return per_second(before.at(key).get<std::uint64_t>(), after.at(key).get<std::uint64_t>(), seconds);
    };
    const auto rounded = [](double value) { return std::round(value * 10) / 10; };
    return {{"packets", rounded(of("packets"))},
            {"bits", rounded(8 * of("bytes"))},
            {"new_flows", rounded(of("new_flows"))},
            {"live_flows", after.at("live_flows")}};
}

void add(Json& sum, const Json& part) {
    for (const char* key : rated) sum[key] = sum.value(key, 0.0) + part.at(key).get<double>();
}

std::pair<std::string, std::string> name_of(const Json& backend) { return {backend.at("service"), backend.at("name")}; }

Json& service_called(Json& services, const std::string& name) {
    for (Json& service : services)
        if (service.at("name") == name) return service;
    return services.emplace_back(Json{{"name", name}});
}

Json drops(const Json& before, const Json& after, double seconds) {
    std::map<std::string, std::uint64_t> counted;
    for (const Json& one : before.at("dropped")) counted[one.at("reason")] = one.at("packets");
    Json list = Json::array();
    for (const Json& one : after.at("dropped")) {
        const auto packets = one.at("packets").get<std::uint64_t>();
        const auto known = counted.find(one.at("reason"));
        const double dropped = known == counted.end() ? 0 : per_second(known->second, packets, seconds);
        if (dropped > 0) list.push_back({{"reason", one.at("reason")}, {"packets", std::round(dropped * 10) / 10}});
    }
    return list;
}

}  // namespace

Json rates(const Snapshot& before, const Snapshot& after) {
    const double seconds = (after.time - before.time).count();
    std::map<std::pair<std::string, std::string>, const Json*> known;
    for (const Json& one : before.backends) known[name_of(one)] = &one;

    Json total = Json::object(), services = Json::array();
    for (const char* key : rated) total[key] = 0.0;
    for (const Json& one : after.backends) {
        const auto earlier = known.find(name_of(one));
        Json backend{{"name", one.at("name")}, {"state", one.at("state")}, {"reachable", one.contains("mac")}};
        const Json now = rate(earlier == known.end() ? one : *earlier->second, one, seconds);
        if (one.contains("health")) backend["health"] = one["health"];
        backend.update(now);
        Json& service = service_called(services, one.at("service"));
        add(service, now);
        add(total, now);
        service["live_flows"] =
            service.value("live_flows", std::uint64_t{0}) + now.at("live_flows").get<std::uint64_t>();
        service["backends"].push_back(std::move(backend));
    }
    Json json{{"seconds", seconds}};
    json.update(total);
    json["services"] = std::move(services);
    json["dropped"] = drops(before.counters, after.counters, seconds);
    return json;
}

}  // namespace culvert::lbd
