// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "common/replace_file.hpp"
#include "netlink/result.hpp"

/// Files in which lbd stores lists of JSON objects for the next lbd. An empty list has no file.
namespace culvert::lbd {

/// Calls `take` for each object. EINVAL, with the cure, if the file is not such a list. `take` reports a bad object by
/// throwing nlohmann::json::exception.
[[nodiscard]] netlink::Result<> read_list(const std::filesystem::path& path, const std::string& cure,
                                          const std::function<void(const nlohmann::ordered_json&)>& take);

[[nodiscard]] netlink::Result<common::FileReplacement> prepare_list(std::filesystem::path path,
                                                                    const nlohmann::ordered_json& list);

/// prepare_list() and commit() in one step.
[[nodiscard]] netlink::Result<> write_list(std::filesystem::path path, const nlohmann::ordered_json& list);

}  // namespace culvert::lbd
