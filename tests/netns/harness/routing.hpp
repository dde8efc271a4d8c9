// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/netns/harness/host.hpp"

/// Routing daemons. Their files are in the host's own /run, and each process ends with its owner.
namespace culvert::netns {

/// BIRD 2
class Bird {
  public:
    /// Returns when it has read its configuration.
    Bird(const Host& host, std::string_view configuration);

    /// birdc: `bird.ask("show route all")`
    [[nodiscard]] std::string ask(const std::string& command) const;
    Output stop(int signal = SIGTERM) { return process_.stop(signal); }

  private:
    const Host& host_;
    Process process_;
};

/// zebra, bgpd and bfdd of FRR
class Frr {
  public:
    Frr(const Host& host, std::string_view configuration);

    /// Takes a configuration in addition to the present one.
    void read(std::string_view configuration) const;
    /// vtysh: `frr.ask("show bgp summary")`
    [[nodiscard]] std::string ask(const std::string& command) const;
    void stop(int signal = SIGTERM);

  private:
    const Host& host_;
    std::vector<Process> processes_;
};

/// When the kernel's routes to some addresses have changed.
class RouteChanges {
  public:
    RouteChanges(const Host& host, std::vector<std::string> addresses)
        : addresses_(std::move(addresses)), process_(host.spawn("env TZ=UTC ip -o -ts monitor route")) {}

    /// The times of all changes until now.
    [[nodiscard]] std::vector<std::chrono::steady_clock::time_point> stop();

  private:
    std::vector<std::string> addresses_;
    Process process_;
};

class Keepalived {
  public:
    Keepalived(const Host& host, std::string_view configuration);
    [[nodiscard]] std::string log() const { return process_.out() + process_.err(); }

  private:
    Process process_;
};

}  // namespace culvert::netns
