// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/source.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include "lbd/config/file/incremental.hpp"
#include "lbd/config/file/read.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;

yaml::Result<std::string> read_text(const std::string& path, bool is_first) {
    std::error_code unknown;
    // Opening a pipe waits for its other end, and blocks lbd.
    if (const auto status = std::filesystem::status(path, unknown);
        !is_first && exists(status) && !is_regular_file(status))
        return tl::unexpected(yaml::Errors{
            {path, {}, "is a directory, a pipe or a device, which cannot be read again: write a regular file"}});
    return yaml::read_file(path);
}

ConfigErrors placed(const yaml::Errors& errors) {
    ConfigErrors result;
    for (const yaml::Error& error : errors) result.push_back({.place = error.place(), .text = error.text});
    return result;
}

}  // namespace

ConfigResult FileSource::read() {
    auto text = read_text(path_, last_ == nullptr);
    if (!text) return tl::unexpected(placed(text.error()));
    auto reading = read_again(path_, *std::move(text), last_);
    if (!reading) return tl::unexpected(placed(reading.error()));
    last_ = *std::move(reading);
    return last_->config;
}

netlink::Result<> FileSource::watch(common::EventLoop& /*loop*/, News /*news*/) { return {}; }

}  // namespace culvert::lbd
