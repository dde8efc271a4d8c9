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
    ConfigErrors refused;  ///< errors in the configuration
    std::string failed;    ///< why a good configuration could not be brought into force
    std::size_t services = 0;
    bool operator==(const Reloaded&) const = default;

    [[nodiscard]] bool done() const { return refused.empty() && failed.empty(); }
};

/// Brings the source's configuration into force, on request and when the source has news. If a configuration is refused
/// or fails, the last good one stays in force.
class ConfigFollower {
  public:
    /// Brings a configuration into force as one transaction. If it fails, nothing has changed.
    using Adopt = std::function<netlink::Result<>(Config)>;

    ConfigFollower(std::unique_ptr<ConfigSource> source, Adopt adopt);

    [[nodiscard]] std::string_view source() const { return source_->name(); }
    [[nodiscard]] const Reloads& counts() const { return counts_; }

    /// Follows the source's news. News that come together cause one reload. After a failure, lbd tries again every two
    /// seconds; the failure is logged and counted once.
    [[nodiscard]] netlink::Result<> watch(common::EventLoop& loop);

    /// Tells the service manager that lbd is ready, and from now on of each reload. Before, the end of a reload would
    /// be taken for that of the start.
    void tell_manager();

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
    bool tells_manager_ = false;
    common::EventLoop::Source next_;  // after news, or a failure
};

}  // namespace culvert::lbd
