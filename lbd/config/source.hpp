// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "common/event_loop.hpp"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

/// Where the configuration comes from. What a source keeps to itself (text, positions, connections) nobody else sees.
namespace culvert::lbd {

/// What is wrong with a configuration.
struct ConfigError {
    std::string place;  ///< in the source, as text: "lbd.yaml:7:11"
    std::string text;   ///< what is wrong, and what would be right
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

    /// For messages: "/etc/culvert/lbd.yaml".
    [[nodiscard]] virtual std::string_view name() const = 0;

    /// The configuration as it is in the source now, complete and checked. A source that cannot be reached is an error
    /// like any other. What comes after this call is news again.
    [[nodiscard]] virtual ConfigResult read() = 0;

    /// From now on `news` is called from the event loop when read() may have another result: something has changed, or
    /// a source that could not be reached can be. It may be called at any time, also during a reload, and too often.
    /// A source that only changes when somebody asks for a reload never calls it.
    [[nodiscard]] virtual netlink::Result<> watch(common::EventLoop& loop, News news) = 0;
};

}  // namespace culvert::lbd
