// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "common/event_loop.hpp"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

/// Where the configuration comes from. Nobody outside a source sees its text, positions or connections.
namespace culvert::lbd {

/// An error in a configuration.
struct ConfigError {
    std::string place;  ///< position in the source: "lbd.yaml:7:11"
    std::string text;   ///< what is wrong, and how to correct it
    bool operator==(const ConfigError&) const = default;

    /// "lbd.yaml:7:11: text"
    [[nodiscard]] std::string to_string() const { return place + ": " + text; }
};

/// Never empty, in the order of the source.
using ConfigErrors = std::vector<ConfigError>;

using ConfigResult = tl::expected<Config, ConfigErrors>;

class ConfigSource {
  public:
    using News = std::function<void()>;

    ConfigSource() = default;
    ConfigSource(const ConfigSource&) = delete;
    ConfigSource& operator=(const ConfigSource&) = delete;
    virtual ~ConfigSource() = default;

    /// The name for messages, such as "/etc/culvert/lbd.yaml".
    [[nodiscard]] virtual std::string_view name() const = 0;

    /// Reads the configuration from the source, complete and checked. A source that cannot be reached is an error like
    /// any other. Changes after this call are news.
    [[nodiscard]] virtual ConfigResult read() = 0;

    /// From now on `news` is called from the event loop when read() may have another result: something has changed, or
    /// an unreachable source can be reached again. It may be called at any time, also during a reload, and more often
    /// than needed. A source that is read on request only never calls it.
    [[nodiscard]] virtual netlink::Result<> watch(common::EventLoop& loop, News news) = 0;
};

/// Opens the source of this name.
using OpenSource = std::function<std::unique_ptr<ConfigSource>(const std::string& name)>;

}  // namespace culvert::lbd
