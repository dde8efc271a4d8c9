// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lbd/config/source.hpp"

namespace culvert::lbd {

struct Reading;

/// lbd.yaml. It is read when somebody asks for it, and never has news. What has not changed since it was last read is
/// not parsed again.
class FileSource final : public ConfigSource {
  public:
    explicit FileSource(std::string path) : path_(std::move(path)) {}

    [[nodiscard]] std::string_view name() const override { return path_; }
    /// The first time the path may be anything that can be opened, later a regular file only: a pipe has no end.
    [[nodiscard]] ConfigResult read() override;
    [[nodiscard]] netlink::Result<> watch(common::EventLoop& loop, News news) override;

  private:
    std::string path_;
    std::shared_ptr<const Reading> last_;  // without errors
};

}  // namespace culvert::lbd
