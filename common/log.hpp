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

/// What a line with the field EVENT reports.
struct LogEvent {
    std::string_view name;    ///< the value of EVENT
    std::string_view fields;  ///< the other fields, separated by commas
    std::string_view text;
};

/// A line that says in its fields, too, what it says in words.
void log(spdlog::level::level_enum level, std::initializer_list<Field> fields, std::string_view text);

/// The same for lines that somebody else, or a thousand backends at once, can multiply: of each EVENT (the first field)
/// only so many are written (LogLimit).
void log_limited(spdlog::level::level_enum level, std::initializer_list<Field> fields, std::string_view text);

/// A line for each EVENT of which lines were left out since the last call: how many, and the last. Call it now and then.
void log_left_out();

}  // namespace culvert::common
