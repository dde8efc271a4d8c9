// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "lbd/network/report.hpp"
#include "lbd/path_mtu/path_mtus.hpp"

/// Log lines about next hops, limited in number.
namespace culvert::lbd {

void log_way(const WayChange& change, const Network& network);
void log_narrow(const std::vector<NarrowPath>& paths);
void log_path_mtu(const IpAddress& backend, const PathMtus::Learned& learned);
void log_forgotten_path_mtu(const IpAddress& backend);
/// Warns of interfaces on which this host, though not lbd, follows redirects.
void log_redirects(const Network& network);

}  // namespace culvert::lbd
