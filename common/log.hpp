// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/terminal.hpp"

namespace culvert::common {

/// From now on spdlog writes to standard error: with time and level; where that is the journal, with the level as
/// sd-daemon(3) has it ("<4>…"), as the journal knows the time.
void log_to_stderr(ColorMode color);

}  // namespace culvert::common
