// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "lbd/model/cluster_key.hpp"
#include "netlink/result.hpp"

/// The cluster's key in a file: one line of 64 hexadecimal digits.
namespace culvert::lbd {

[[nodiscard]] netlink::Result<ClusterKey> random_key();
/// The line, with its end.
[[nodiscard]] std::string to_line(const ClusterKey& key);
/// White space at the end does not matter.
[[nodiscard]] std::optional<ClusterKey> parse_key(std::string_view text);

/// The key of a cluster. Errors have the cure. A file that others may read is warned of.
[[nodiscard]] netlink::Result<ClusterKey> read_key_file(const std::filesystem::path& path);

/// The key that lbd has made for itself in its state directory; makes it if there is none.
[[nodiscard]] netlink::Result<ClusterKey> own_key(const std::filesystem::path& state_directory);
/// Likewise, but makes nothing: an error if it could not be made, nothing if it could.
[[nodiscard]] netlink::Result<std::optional<ClusterKey>> look_for_own_key(const std::filesystem::path& state_directory);

}  // namespace culvert::lbd
