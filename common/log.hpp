// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/common.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "common/terminal.hpp"

namespace culvert::common {

/// From now on spdlog writes to standard error, with time and level; if that is the journal (systemd.exec(5),
/// $JOURNAL_STREAM), by the journal's native protocol.
///
/// Give spdlog whole lines, made by fmt::format: its own templates compile most of {fmt} into every file that uses
/// them.
void log_to_stderr(ColorMode color);

/// A subject of a log line. In the journal, a field with the prefix CULVERT_: journalctl CULVERT_BACKEND=10.0.0.3
struct Field {
    std::string_view name;  ///< EVENT, SERVICE, BACKEND, …
    std::string value;
};

/// An event that log lines report: the value of their field EVENT.
struct LogEvent {
    std::string_view name;    ///< the value of EVENT
    std::string_view fields;  ///< the other fields, separated by commas
    std::string_view text;
};

/// Logs a line with fields that repeat its facts for programs.
void log(spdlog::level::level_enum level, std::initializer_list<Field> fields, std::string_view text);

/// The same for lines that a stranger, or a thousand backends at once, can multiply: LogLimit limits the lines of each
/// EVENT (the first field).
void log_limited(spdlog::level::level_enum level, std::initializer_list<Field> fields, std::string_view text);

/// For each EVENT with suppressed lines since the last call, logs their number and the last one. Call it now and then.
void log_left_out();

}  // namespace culvert::common
