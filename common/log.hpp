// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/common.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "common/terminal.hpp"

namespace culvert::common {

/// From now on spdlog writes to standard error, with time and level; where that is the journal (systemd.exec(5),
/// $JOURNAL_STREAM), to the journal itself, by its native protocol.
///
/// Give spdlog whole lines, made by fmt::format: its own templates compile most of {fmt} into every file that uses
/// them.
void log_to_stderr(ColorMode color);

/// What a line speaks of. In the journal it is a field, CULVERT_ before its name: journalctl CULVERT_BACKEND=10.0.0.3
struct Field {
    std::string_view name;  ///< EVENT, SERVICE, BACKEND, …
    std::string value;
};

/// A line that says in its fields, too, what it says in words.
void log(spdlog::level::level_enum level, std::initializer_list<Field> fields, std::string_view text);

}  // namespace culvert::common
