// SPDX-License-Identifier: Apache-2.0
#include "lbd/drain/drains.hpp"

#include <fmt/format.h>

#include <utility>

#include <nlohmann/json.hpp>

#include "common/suggest.hpp"
#include "lbd/files/list_file.hpp"
#include "lbd/model/cure.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;
using Json = nlohmann::ordered_json;

bool concerns(const Drains& drains, const Service& service) {
    const auto first = drains.lower_bound({service.name, {}});
    return first != drains.end() && first->service == service.name;
}

BackendState drained(BackendState state) {
    const bool is_sorry = state == BackendState::sorry || state == BackendState::drained_sorry;
    return is_sorry ? BackendState::drained_sorry : BackendState::drain;
}

}  // namespace

Drains find_backends(const Config& config, std::string_view backend, std::string_view service) {
    Drains found;
    for (const Service& one : config.services) {
        if (!service.empty() && one.name != service) continue;
        for (const Backend& candidate : one.backends)
            if (candidate.name == backend || candidate.address.to_string() == backend)
                found.insert({one.name, candidate.name});
    }
    return found;
}

std::string not_found(const Config& config, const std::string& backend, const std::string& service) {
    std::set<std::string_view> services;
    std::set<std::string_view> backends;
    for (const Service& one : config.services) {
        services.insert(one.name);
        if (!service.empty() && one.name != service) continue;
        for (const Backend& other : one.backends) backends.insert(other.name);
    }
    const bool is_service = !service.empty() && !services.contains(service);
    const std::string& word = is_service ? service : backend;
    const auto& names = is_service ? services : backends;
    const auto meant = common::suggest(word, {names.begin(), names.end()});
    const std::string of = is_service || service.empty() ? "" : fmt::format(" of service \"{}\"", service);
    return fmt::format("no {} \"{}\"{}: {}", is_service ? "service" : "backend", word, of,
                       meant ? fmt::format("did you mean {}?", *meant)
                             : fmt::format("lbd show {} has them", is_service ? "services" : "backends"));
}

Config with_drains(Config config, const Drains& drains) {
    if (drains.empty()) return config;
    for (std::size_t i = 0; i < config.services.size(); ++i) {
        if (!concerns(drains, config.services[i])) continue;
        Service service = config.services[i];
        for (Backend& backend : service.backends)
            if (drains.contains({service.name, backend.name})) backend.state = drained(backend.state);
        config.services.replace(i, std::move(service));
    }
    return config;
}

/// [{"service": …, "backend": …}, …]
Result<Drains> read_drains(const std::filesystem::path& path) {
    Drains drains;
    CHECK_OK(read_list(path, fmt::format(cure_of("drains_unreadable"), path.string()), [&drains](const Json& one) {
        drains.insert({one.at("service").get<std::string>(), one.at("backend").get<std::string>()});
    }));
    return drains;
}

Result<common::FileReplacement> prepare_drains(std::filesystem::path path, const Drains& drains) {
    Json list = Json::array();
    for (const Drained& drained : drains) list.push_back({{"service", drained.service}, {"backend", drained.backend}});
    return prepare_list(std::move(path), list);
}

Result<> write_drains(const std::filesystem::path& path, const Drains& drains) {
    TRY(auto file, prepare_drains(path, drains));
    return file.commit();
}

std::filesystem::path drains_file(std::filesystem::path socket) { return socket.replace_extension(".drained.json"); }

}  // namespace culvert::lbd
