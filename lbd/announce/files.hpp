// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "lbd/announce/routes.hpp"
#include "netlink/result.hpp"

/// Files beside the control socket, for the next lbd and for commands while none runs.
namespace culvert::lbd {

/// Where lbd's routes may be. lbd writes it before it adds a route elsewhere.
[[nodiscard]] netlink::Result<AnnouncePlaces> read_places(const std::filesystem::path& path);
[[nodiscard]] netlink::Result<> write_places(const std::filesystem::path& path, const AnnouncePlaces& places);
/// "/run/culvert/lbd/lbd.announced.json"
[[nodiscard]] std::filesystem::path places_file(std::filesystem::path socket);

/// Whether lbd leave was the last word. The file is there, or not.
[[nodiscard]] netlink::Result<bool> read_left(const std::filesystem::path& path);
[[nodiscard]] netlink::Result<> write_left(const std::filesystem::path& path, bool left);
/// "/run/culvert/lbd/lbd.left.json"
[[nodiscard]] std::filesystem::path left_file(std::filesystem::path socket);

}  // namespace culvert::lbd
