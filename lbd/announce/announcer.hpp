// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "common/event_loop.hpp"
#include "lbd/announce/plan.hpp"
#include "lbd/announce/routes.hpp"
#include "lbd/model/announcement.hpp"
#include "lbd/model/config.hpp"
#include "netlink/monitor.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::lbd {

/// Keeps the routes of announced VIPs in the kernel as they are planned, whoever changes them. When it ends, the routes
/// stay, and the next one takes them over.
class Announcer {
  public:
    /// `socket`: the path of the control socket. If nothing is to be announced, it opens nothing else.
    [[nodiscard]] static netlink::Result<std::unique_ptr<Announcer>> open(common::EventLoop& loop,
                                                                          const std::filesystem::path& socket);

    /// The desired state. `standings` has all services of the configuration. A failure is logged, and tried again.
    void follow(const Config& config, Standings standings);
    /// False: VIPs that are not announced yet wait. By default true.
    void set_joined(bool joined);

    /// `lbd leave` and `lbd join`, also for later processes. If the word cannot be written down, nothing changes.
    [[nodiscard]] netlink::Result<> leave();
    [[nodiscard]] netlink::Result<> join();
    /// Withdraws everything, for good, and forgets that the operator has left.
    [[nodiscard]] netlink::Result<> end();

    /// With what the kernel has now.
    [[nodiscard]] netlink::Result<AnnouncementsStatus> status();

  private:
    struct Kernel {
        netlink::Socket socket;
        netlink::Monitor monitor;
    };

    Announcer(common::EventLoop& loop, const std::filesystem::path& socket);

    [[nodiscard]] netlink::Result<> set_left(bool left);
    [[nodiscard]] netlink::Result<> open_kernel();
    /// Reads what the kernel reports. Another route than lbd's changes nothing.
    void hear();
    /// Decides, and makes the kernel's routes so.
    void update();
    /// Likewise, also if nothing has been decided anew: somebody may have changed routes.
    void look();
    [[nodiscard]] netlink::Result<> make_routes();
    void log_changes() const;
    void log_repairs(const RouteEdits& edits) const;

    common::EventLoop& loop_;
    std::filesystem::path places_file_;
    std::filesystem::path left_file_;
    AnnouncePlan plan_;
    AnnouncePlaces places_;                // as in the file
    bool is_made_ = false;                 // made_, as far as is known
    std::optional<AnnouncedRoutes> made_;  // by the last success
    std::optional<Config> config_;         // once follow() was called
    Standings standings_;
    AnnounceWish wish_;
    std::unique_ptr<Kernel> kernel_;    // absent while nothing was ever announced
    std::string complaint_;             // the last one, so that it is not repeated
    common::EventLoop::Source events_;  // of the monitor
    common::EventLoop::Source next_;    // when a VIP appears, or something is tried again
    common::EventLoop::Source look_;    // for changes without events
};

}  // namespace culvert::lbd
