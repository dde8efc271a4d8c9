// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "common/replace_file.hpp"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

/// What operators have said of backends beyond the configuration, until they say otherwise.
namespace culvert::lbd {

/// One backend of one service, by their names.
struct Drained {
    std::string service;
    std::string backend;
    auto operator<=>(const Drained&) const = default;
};
using Drains = std::set<Drained>;

/// Every backend of this name or address, in the service of this name or, if that is empty, in all.
[[nodiscard]] Drains find_backends(const Config& config, std::string_view backend, std::string_view service);

/// What to say where there is none: "no backend "b4": did you mean b1?"
[[nodiscard]] std::string not_found(const Config& config, const std::string& backend, const std::string& service);

/// Without those that the configuration doesn't have.
[[nodiscard]] Drains known(Drains drains, const Config& config);

/// They take no new flows.
[[nodiscard]] Config with_drains(Config config, const Drains& drains);

/// The file that keeps them while no lbd runs. None: there are no drains.
[[nodiscard]] netlink::Result<Drains> read_drains(const std::filesystem::path& path);
/// Its next content, ready to take the present one's place.
[[nodiscard]] netlink::Result<common::FileReplacement> prepare_drains(std::filesystem::path path, const Drains& drains);
[[nodiscard]] netlink::Result<> write_drains(const std::filesystem::path& path, const Drains& drains);

/// Beside the control socket: "/run/culvert/lbd/lbd.drained.json".
[[nodiscard]] std::filesystem::path drains_file(std::filesystem::path socket);

}  // namespace culvert::lbd
