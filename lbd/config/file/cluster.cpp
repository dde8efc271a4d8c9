// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/cluster.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "lbd/config/file/map.hpp"
#include "lbd/config/file/values.hpp"

namespace culvert::lbd {
namespace {

using common::yaml::Value;

constexpr std::size_t most_peers = 255;

std::optional<std::vector<IpAddress>> read_peers(const Value& value) {
    const auto elements = value.list({"a list of balancers", "one such as [10.0.0.2, 10.0.0.3]"});
    if (!elements) return std::nullopt;
    if (elements->size() > most_peers)
        return value.fail(fmt::format("{} balancers are too many: write at most {}", elements->size(), most_peers));
    std::vector<IpAddress> peers;
    for (const Value& element : *elements) {
        const auto peer = read_backend_address(element);
        if (!peer) continue;
        if (std::ranges::find(peers, *peer) != peers.end())
            element.fail(fmt::format("{} is in this list already: remove it", peer->to_string()));
        else
            peers.push_back(*peer);
    }
    return peers;
}

}  // namespace

std::optional<Cluster> read_cluster(const Value& value) {
    Cluster cluster;
    Map map(value, "the cluster", "a map such as {key_file: /etc/culvert/cluster.key, peers: [10.0.0.3]}");
    map.optional(cluster_keys["key_file"], read_path, cluster.key_file);
    map.optional(cluster_keys["address"], read_backend_address, cluster.address);
    map.optional(cluster_keys["port"], number<std::uint16_t>(cluster_keys["port"], "a port"), cluster.port);
    map.optional(cluster_keys["peers"], read_peers, cluster.peers);
    map.optional(cluster_keys["join_timeout"], duration(cluster_keys["join_timeout"], "a time to wait for peers"),
                 cluster.join_timeout);
    map.finish();
    if (!cluster.peers.empty() && cluster.key_file.empty() && !map.find(cluster_keys["key_file"]))
        return value.fail(
            "the peers share no key, so they cannot trust each other: make one by lbd keygen, copy it to all, and "
            "write key_file: /etc/culvert/cluster.key");
    return cluster;
}

}  // namespace culvert::lbd
