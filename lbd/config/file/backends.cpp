// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/backends.hpp"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "lbd/config/file/encap.hpp"
#include "lbd/config/file/foreign_keys.hpp"
#include "lbd/config/file/values.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;
using yaml::Value;

std::optional<WrittenBackend> read_backend(const Value& value) {
    static const auto state = yaml::one_of<BackendState>(
        "a backend's state",
        {{"active", BackendState::active}, {"drain", BackendState::drain}, {"sorry", BackendState::sorry}});
    WrittenBackend written{{}, {}, value};
    Backend& backend = written.backend;
    Map map(value, "a backend", "a map such as {address: 10.0.2.30}", foreign_backend_keys);
    const bool has_address = map.required(backend_keys["address"], read_backend_address, backend.address, "10.0.2.30");
    backend.name = backend.address.to_string();
    map.optional(backend_keys["name"], read_name, backend.name);
    map.optional(backend_keys["weight"], number<std::uint16_t>(backend_keys["weight"], "a weight"), backend.weight);
    read_encap_key(map, backend_keys["encap"], written.encap);
    map.optional(backend_keys["state"], state, backend.state);
    map.finish();
    if (!has_address) return std::nullopt;
    return written;
}

}  // namespace

void read_encap_key(Map& map, const Key& key, std::optional<Encap>& encap) {
    if (map.find(key)) encap = L2{};
    map.optional(key, read_encap, encap);
}

std::optional<std::vector<WrittenBackend>> read_backends(const Value& value) {
    constexpr std::size_t most = std::numeric_limits<std::uint16_t>::max();
    const auto elements = value.list({"a list of backends", "one item such as \"- {address: 10.0.2.30}\" for each"});
    if (!elements) return std::nullopt;
    if (elements->empty()) return value.fail("no backends: write at least one, such as [{address: 10.0.2.30}]");
    if (elements->size() > most)
        return value.fail(fmt::format("{} backends are too many: write at most {}", elements->size(), most));
    std::vector<WrittenBackend> backends;
    std::map<IpAddress, std::size_t> addresses;
    std::map<std::string, std::size_t> names;
    for (const Value& element : *elements) {
        auto written = read_backend(element);
        if (!written) continue;
        const auto line = element.position().line;
        const auto& [address, address_is_new] = addresses.emplace(written->backend.address, line);
        const auto& [name, name_is_new] = names.emplace(written->backend.name, line);
        if (!address_is_new)
            element.fail(fmt::format("backend {} is in this list already, in line {}: use weight for a larger share",
                                     address->first.to_string(), address->second));
        else if (!name_is_new)
            element.fail(fmt::format("a backend named {} is in this list already, in line {}: choose another name",
                                     yaml::in_quotes(name->first), name->second));
        backends.push_back(*std::move(written));
    }
    return backends;
}

std::optional<Pools> read_pools(const Value& value) {
    const auto entries = value.map({"a map of pools", "one such as {web: [{address: 10.0.2.30}]}"});
    if (!entries) return std::nullopt;
    Pools pools;
    for (const auto& [key, list] : *entries) {
        const auto name = read_name(key);
        auto backends = read_backends(list);
        if (name) pools.emplace(*name, std::move(backends).value_or(std::vector<WrittenBackend>{}));
    }
    return pools;
}

}  // namespace culvert::lbd
