// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "common/replace_file.hpp"
#include "netlink/result.hpp"

/// Files in which lbd keeps lists of JSON objects for the next lbd. There is none for an empty list.
namespace culvert::lbd {

/// Calls `take` for each object. EINVAL, with the cure, if the file is no such list; `take` may throw
/// nlohmann::json::exception to say so.
[[nodiscard]] netlink::Result<> read_list(const std::filesystem::path& path, const std::string& cure,
                                          const std::function<void(const nlohmann::ordered_json&)>& take);

[[nodiscard]] netlink::Result<common::FileReplacement> prepare_list(std::filesystem::path path,
                                                                    const nlohmann::ordered_json& list);

/// prepare_list(), and commit().
[[nodiscard]] netlink::Result<> write_list(std::filesystem::path path, const nlohmann::ordered_json& list);

}  // namespace culvert::lbd
