// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "tests/netns/harness/process.hpp"

namespace culvert::netns {

/// If the program was lbd or realserver and has printed JSON: a test fails if that has a key that the reference does
/// not list for the command. `out` may end within a line.
void compare_with_reference(const Arguments& arguments, std::string_view out);

}  // namespace culvert::netns
