// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "lbd/cluster/mesh.hpp"
#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

/// The other balancers, as the configuration wants them.
namespace culvert::lbd {

/// Connects with the peers of the configuration, if it has any. A failure does not stop lbd.
void open_mesh(Balancer& balancer);

/// For another configuration: what can fail.
struct NextMesh {
    std::unique_ptr<Mesh> opened;  ///< there was none
    Mesh::Prepared prepared;       ///< for the present one
};
[[nodiscard]] netlink::Result<NextMesh> prepare_mesh(const Balancer& balancer, const Cluster& next);
/// Takes it over. The configuration is in force.
void follow_mesh(Balancer& balancer, NextMesh next);

/// Tells the peers how this balancer sees services now. Call when the configuration or health has changed.
void tell_peers(const Balancer& balancer);

}  // namespace culvert::lbd
