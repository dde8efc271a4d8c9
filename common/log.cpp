// SPDX-License-Identifier: Apache-2.0
#include "common/log.hpp"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string_view>

namespace culvert::common {

namespace {

/// systemd.exec(5): $JOURNAL_STREAM names the journal's end of standard output or standard error, by device and inode.
bool goes_to_journal(int fd) {
    const char* journal = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    return journal != nullptr && fstat(fd, &status) == 0 &&
           fmt::format("{}:{}", status.st_dev, status.st_ino) == journal;
}

class JournalLevel : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& line) override {
        const std::string_view prefix = message.level >= spdlog::level::err    ? SD_ERR
                                        : message.level == spdlog::level::warn ? SD_WARNING
                                        : message.level == spdlog::level::info ? SD_INFO
                                                                               : SD_DEBUG;
        line.append(prefix.data(), prefix.data() + prefix.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<JournalLevel>();
    }
};

}  // namespace

void log_to_stderr(ColorMode color) {
    const auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_st>();
    sink->set_color_mode(use_color(color, STDERR_FILENO) ? spdlog::color_mode::always : spdlog::color_mode::never);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("culvert", sink));
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<JournalLevel>('*').set_pattern(goes_to_journal(STDERR_FILENO) ? "%*%v"
                                                                                      : "%H:%M:%S.%e %^%l%$: %v");
    spdlog::set_formatter(std::move(formatter));
}

}  // namespace culvert::common
