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

/// Keeps a host as the configuration says, until SIGTERM or SIGINT, and leaves it so. SIGHUP has the configuration read
/// anew. What the kernel tells of is looked at a tenth of a second later, what it doesn't tell of within half a second.
/// What can't be set up yet, as a device, a route or a module is missing, is said once and set up when it can be.
/// Tells systemd that it is ready when all that can be set up is, how things stand, and that it lives.
class Monitor {
  public:
    /// Follows the network namespace that the calling thread is in. `path`: the configuration's.
    [[nodiscard]] static netlink::Result<Monitor> open(KernelHost host, RecordFile file, std::string path);

    /// An error if another monitor is at work, or if the kernel can't be followed.
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
    netlink::Result<HostState> unannounced_;  // as last seen
    std::vector<std::string> complaints_;     // which still hold
    std::size_t repaired_ = 0;
    bool has_looked_ = false;
    bool is_ready_ = false;      // systemd was told so
    bool was_in_order_ = false;  // at least once
    netlink::Result<> outcome_;

    std::vector<common::EventLoop::Source> sources_;
    common::EventLoop::Source next_look_;
    common::EventLoop::Source next_glance_;
};

}  // namespace culvert::realserver
