// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lbd/config/source.hpp"

namespace culvert::lbd {

struct Reading;

/// The file lbd.yaml. It is read on request only, and never has news. Parts that have not changed since the last
/// reading are not parsed again.
class FileSource final : public ConfigSource {
  public:
    explicit FileSource(std::string path) : path_(std::move(path)) {}

    [[nodiscard]] std::string_view name() const override { return path_; }
    /// The first time, the path may be anything readable. Later it must be a regular file, as a pipe may block.
    [[nodiscard]] ConfigResult read() override;
    [[nodiscard]] netlink::Result<> watch(common::EventLoop& loop, News news) override;

  private:
    std::string path_;
    std::shared_ptr<const Reading> last_;  // the last one without errors
};

}  // namespace culvert::lbd
