// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/event_loop.hpp"
#include "lbd/config/source.hpp"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The result of one reload.
struct Reloaded {
    ConfigErrors refused;  ///< what is wrong with the configuration
    std::string failed;    ///< why a good configuration is not in force
    std::size_t services = 0;
    bool operator==(const Reloaded&) const = default;

    [[nodiscard]] bool done() const { return refused.empty() && failed.empty(); }
};

/// Brings the source's configuration into force: when somebody asks for it, and when the source has news. A
/// configuration that is refused, or that fails, leaves the last good one in force.
class ConfigFollower {
  public:
    /// Brings a configuration into force as one transaction. If it fails, nothing has changed.
    using Adopt = std::function<netlink::Result<>(Config)>;

    ConfigFollower(std::unique_ptr<ConfigSource> source, Adopt adopt);

    [[nodiscard]] std::string_view source() const { return source_->name(); }
    [[nodiscard]] const Reloads& counts() const { return counts_; }

    /// Follows the source's news. News that come together cause one reload. A failure is tried again after two
    /// seconds, and is logged and counted only once.
    [[nodiscard]] netlink::Result<> watch(common::EventLoop& loop);

    /// Reloads now; the result is logged and counted.
    Reloaded reload();

  private:
    [[nodiscard]] Reloaded adopt_present();
    void report(const Reloaded& result);
    void follow();

    std::unique_ptr<ConfigSource> source_;
    Adopt adopt_;
    Reloads counts_;
    Reloaded reported_;
    common::EventLoop::Source next_;  // after news, or a failure
};

}  // namespace culvert::lbd
