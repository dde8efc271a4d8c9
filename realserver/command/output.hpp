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

/// What the commands print: results to standard output, everything else to standard error.
namespace culvert::realserver {

void complain(std::string_view text);
ExitCode fail(const netlink::Error& error);

void print_json(const nlohmann::ordered_json& json);

/// changes []: action (add | change | remove), kind, name, before and after (a value in words) where there is one.
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<Change>& changes);
/// Changes and notes [] of a plan, as JSON; or the changes, a line each, and the notes to standard error. `nothing` is
/// what to say if there are no changes.
void print(const std::vector<Change>& changes, const std::vector<std::string>& notes, const Options& options,
           std::string_view nothing);
void print_left(const std::vector<std::string>& left);

/// What came of apply or teardown.
ExitCode report(const tl::expected<Report, Failure>& outcome, const Options& options, std::string_view nothing);

}  // namespace culvert::realserver
