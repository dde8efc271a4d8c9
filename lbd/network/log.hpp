// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "lbd/network/report.hpp"
#include "lbd/path_mtu/path_mtus.hpp"

/// Lines about the ways to backends, as few as they may be.
namespace culvert::lbd {

void log_way(const WayChange& change, const Network& network);
void log_narrow(const std::vector<NarrowPath>& paths);
void log_path_mtu(const IpAddress& backend, const PathMtus::Learned& learned);
void log_forgotten_path_mtu(const IpAddress& backend);
/// What would have others than us follow forged redirects here.
void log_redirects(const Network& network);

}  // namespace culvert::lbd
