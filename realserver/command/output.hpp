// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "netlink/result.hpp"
#include "realserver/command/options.hpp"
#include "realserver/model/state.hpp"
#include "realserver/run/apply.hpp"

/// The output of the commands: results to standard output, everything else to standard error.
namespace culvert::realserver {

void complain(std::string_view text);
ExitCode fail(const netlink::Error& error);

void print_json(const nlohmann::ordered_json& json);

/// changes []: action (add | change | remove), kind, name; before and after (values in words) if they exist.
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<Change>& changes);
/// The changes and notes [] of a plan: as JSON; or a line for each change, and the notes on standard error. `nothing`
/// is the line for no changes.
void print(const std::vector<Change>& changes, const std::vector<std::string>& notes, const Options& options,
           std::string_view nothing);
void print_left(const std::vector<std::string>& left);

/// Reports the outcome of apply or teardown.
ExitCode report(const tl::expected<Report, Failure>& outcome, const Options& options, std::string_view nothing);

}  // namespace culvert::realserver
