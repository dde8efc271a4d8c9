// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "common/replace_file.hpp"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

/// The drains: states of backends that operators set in addition to the configuration.
namespace culvert::lbd {

/// One backend of one service, by their names.
struct Drained {
    std::string service;
    std::string backend;
    auto operator<=>(const Drained&) const = default;
};
using Drains = std::set<Drained>;

/// Every backend with this name or address, in the service of this name, or in all if that is empty.
[[nodiscard]] Drains find_backends(const Config& config, std::string_view backend, std::string_view service);

/// The error for an unknown backend: "no backend "b4": did you mean b1?"
[[nodiscard]] std::string not_found(const Config& config, const std::string& backend, const std::string& service);

/// What becomes of drains. Each has no, one or several successors.
using DrainHeirs = std::map<Drained, Drains>;

/// In the configuration as an lbd reads it when it starts, they have the same names or none.
[[nodiscard]] DrainHeirs heirs_of(const Drains& drains, const Config& config);

/// From one configuration to the next, a backend with the same address stays drained under its present name.
[[nodiscard]] DrainHeirs heirs_of(const Drains& drains, const Config& before, const Config& after);

[[nodiscard]] Drains all_heirs(const DrainHeirs& heirs);

/// Says which backends are drained under another name now, and which drains have ended.
void log_heirs(const DrainHeirs& heirs);

/// The configuration, with these backends set to take no new flows.
[[nodiscard]] Config with_drains(Config config, const Drains& drains);

/// Reads the file that keeps the drains while no lbd runs. Without a file there are no drains.
[[nodiscard]] netlink::Result<Drains> read_drains(const std::filesystem::path& path);
/// Prepares the next content of the file; commit() replaces the present one.
[[nodiscard]] netlink::Result<common::FileReplacement> prepare_drains(std::filesystem::path path, const Drains& drains);
[[nodiscard]] netlink::Result<> write_drains(const std::filesystem::path& path, const Drains& drains);

/// The file beside the control socket: "/run/culvert/lbd/lbd.drained.json".
[[nodiscard]] std::filesystem::path drains_file(std::filesystem::path socket);

}  // namespace culvert::lbd
