// SPDX-License-Identifier: Apache-2.0
#include "common/log.hpp"

#include <fmt/core.h>
#include <fmt/format.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "common/log_limit.hpp"

#define SD_JOURNAL_SUPPRESS_LOCATION  // operators don't need the place in our code
#include <systemd/sd-journal.h>

namespace culvert::common {
namespace {

/// systemd.exec(5): $JOURNAL_STREAM has device and inode of the journal's end of standard output or standard error.
bool goes_to_journal(int fd) {
    const char* journal = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    return journal != nullptr && fstat(fd, &status) == 0 &&
           fmt::format("{}:{}", status.st_dev, status.st_ino) == journal;
}

int priority(spdlog::level::level_enum level) {
    if (level >= spdlog::level::err) return LOG_ERR;
    if (level == spdlog::level::warn) return LOG_WARNING;
    return level == spdlog::level::info ? LOG_INFO : LOG_DEBUG;
}

std::span<const Field> fields_of_line;  // set while the line is logged

class JournalSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
    void sink_it_(const spdlog::details::log_msg& message) override {
        const int level = priority(message.level);
        const std::string_view text(message.payload.data(), message.payload.size());
        // If the journal can't be reached, standard error still leads to it: sd-daemon(3).
        if (!send(level, text)) fmt::print(stderr, "<{}>{}\n", level, text);
    }

    static bool send(int level, std::string_view text) {
        // libsystemd reports no error if there is no journal.
        if (::access("/run/systemd/journal/socket", W_OK) != 0) return false;
        std::vector<std::string> lines{fmt::format("PRIORITY={}", level), fmt::format("MESSAGE={}", text)};
        for (const Field& field : fields_of_line)
            lines.push_back(fmt::format("CULVERT_{}={}", field.name, field.value));
        std::vector<iovec> parts;
        for (std::string& line : lines) parts.push_back({.iov_base = line.data(), .iov_len = line.size()});
        return sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) == 0;
    }

    void flush_() override {}
};

LogLimit& limit() {
    static LogLimit the_one;
    return the_one;
}

}  // namespace

void log_to_stderr(ColorMode color) {
    if (goes_to_journal(STDERR_FILENO)) {
        spdlog::set_default_logger(std::make_shared<spdlog::logger>("culvert", std::make_shared<JournalSink>()));
        return;
    }
    const auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_st>();
    sink->set_color_mode(use_color(color, STDERR_FILENO) ? spdlog::color_mode::always : spdlog::color_mode::never);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("culvert", sink));
    spdlog::set_pattern("%H:%M:%S.%e %^%l%$: %v");
}

void log(spdlog::level::level_enum level, std::initializer_list<Field> fields, std::string_view text) {
    fields_of_line = {fields.begin(), fields.size()};
    spdlog::log(level, text);
    fields_of_line = {};
}

void log_limited(spdlog::level::level_enum level, std::initializer_list<Field> fields, std::string_view text) {
    if (limit().admit(fields.begin()->value, text, LogLimit::Clock::now())) log(level, fields, text);
}

void log_left_out() {
    for (const auto& [kind, lines, last] : limit().take_unsaid())
        log(spdlog::level::warn, {{"EVENT", kind}, {"COUNT", std::to_string(lines)}},
            fmt::format("{} more such lines were left out; the last one: {}", lines, last));
}

}  // namespace culvert::common
