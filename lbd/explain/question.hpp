// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "lbd/command/options.hpp"
#include "lbd/frame/frame.hpp"

namespace culvert::lbd {

/// The packet that the command line describes, or what is wrong with it.
[[nodiscard]] tl::expected<Question, std::string> question(const ExplainOptions& options);

}  // namespace culvert::lbd
