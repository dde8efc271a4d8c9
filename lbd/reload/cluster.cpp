// SPDX-License-Identifier: Apache-2.0
#include "lbd/reload/cluster.hpp"

#include <unistd.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "common/log.hpp"
#include "lbd/cluster/view.hpp"
#include "lbd/key/derive.hpp"
#include "lbd/model/log_events.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return {};
    return name.data();
}

Introduction introduction(const Balancer& balancer) {
    const auto digest = digest_of_hash_key(balancer.program.datapath().build().config);
    return {.name = host_name(),
            .version = CULVERT_VERSION,
            .hash_key = digest.value_or(std::string()),
            .flow_entries = balancer.wanted.config.flows.entries};
}

Result<std::unique_ptr<Mesh>> open(const Balancer& balancer, const Cluster& config) {
    return Mesh::open(balancer.sharing, config, *config.key, introduction(balancer), balancer.calls.mesh);
}

}  // namespace

void open_mesh(Balancer& balancer) {
    const Cluster& config = balancer.wanted.config.cluster;
    if (config.peers.empty() || !config.key) return;
    auto opened = open(balancer, config);
    if (!opened)
        return common::log(spdlog::level::err,
                           {{"EVENT", log_event("not_shared")}, {"REASON", opened.error().message()}},
                           opened.error().message() + "; nothing is shared with other balancers until a reload");
    balancer.mesh = *std::move(opened);
    tell_peers(balancer);
}

Result<NextMesh> prepare_mesh(const Balancer& balancer, const Cluster& next) {
    NextMesh result;
    if (next.peers.empty() || !next.key) return result;
    if (balancer.mesh) {
        TRY(result.prepared, balancer.mesh->prepare(next));
        return result;
    }
    auto opened = open(balancer, next);
    const bool is_other = next != balancer.wanted.config.cluster;
    if (!opened && is_other) return tl::unexpected(std::move(opened.error()));
    if (opened) result.opened = *std::move(opened);
    return result;  // what could not be shared before is still not shared
}

void follow_mesh(Balancer& balancer, NextMesh next) {
    const Cluster& config = balancer.wanted.config.cluster;
    if (config.peers.empty() || !config.key)
        balancer.mesh.reset();
    else if (balancer.mesh)
        balancer.mesh->follow(config, std::move(next.prepared));
    else
        balancer.mesh = std::move(next.opened);
    tell_peers(balancer);
}

void tell_peers(const Balancer& balancer) {
    if (!balancer.mesh) return;
    const Services& services = balancer.wanted.config.services;
    const Health health = balancer.checks.health_for(services);
    std::vector<ServiceView> views;
    views.reserve(services.size());
    for (const Service& service : services) views.push_back(view_of(service, health));
    balancer.mesh->tell(std::move(views));
    balancer.mesh->introduce(introduction(balancer));
}

}  // namespace culvert::lbd
