// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "netlink/monitor.hpp"
#include "netlink/nftables/monitor.hpp"
#include "netlink/result.hpp"
#include "realserver/host/kernel_host.hpp"
#include "realserver/record/lock.hpp"
#include "realserver/record/record_file.hpp"
#include "realserver/run/apply.hpp"
#include "realserver/run/backoff.hpp"
#include "realserver/run/notices.hpp"
#include "realserver/run/repair.hpp"

namespace culvert::realserver {

/// Keeps this host as configured until SIGTERM or SIGINT, and then leaves it so. SIGHUP reloads the configuration. It
/// checks the host a tenth of a second after each event of the kernel, and looks every half second for changes without
/// an event. If a setting can't be set up yet, as a device, a route or a module is missing, it logs this once and sets
/// it up later. It reports its status to systemd, that it is alive, and that it is ready once everything that can be
/// set up is set up.
class Monitor {
  public:
    /// Follows the calling thread's network namespace. `path`: the configuration file.
    [[nodiscard]] static netlink::Result<Monitor> open(KernelHost host, RecordFile file, std::string path);

    /// An error if another monitor runs here, or if the kernel's events can't be received.
    [[nodiscard]] netlink::Result<> run(Config config);

  private:
    Monitor(KernelHost host, RecordFile file, std::string path, common::EventLoop loop, netlink::Monitor network)
        : host_(std::move(host)),
          file_(std::move(file)),
          path_(std::move(path)),
          loop_(std::move(loop)),
          network_(std::move(network)) {}

    [[nodiscard]] netlink::Result<> listen();
    [[nodiscard]] netlink::Result<> follow_rulesets();
    [[nodiscard]] netlink::Result<> change_to(Config config);
    [[nodiscard]] netlink::Result<> adopt(Config config);
    void end(netlink::Result<> outcome);

    void hear_of_network();
    void hear_of_ruleset();
    void glance();
    void look();
    void reload();

    void report(const Repairs& repairs);
    void report(const Notice& notice);
    void be_ready(bool in_order);
    void complain(std::vector<std::string> complaints);

    KernelHost host_;
    RecordFile file_;
    std::string path_;
    common::EventLoop loop_;
    netlink::Monitor network_;
    std::optional<netlink::nft::Monitor> rulesets_;  // none if the kernel has no nf_tables

    Config config_;
    Backoff backoff_;
    Notices notices_;
    netlink::Result<HostState> unannounced_;  // at the last glance
    std::vector<std::string> complaints_;     // that still hold
    std::size_t repaired_ = 0;
    bool has_looked_ = false;
    bool is_ready_ = false;      // systemd knows it
    bool was_in_order_ = false;  // at least once
    netlink::Result<> outcome_;

    std::vector<common::EventLoop::Source> sources_;
    common::EventLoop::Source next_look_;
    common::EventLoop::Source next_glance_;
};

}  // namespace culvert::realserver
