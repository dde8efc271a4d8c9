// SPDX-License-Identifier: Apache-2.0
#include "lbd/lifecycle/command.hpp"

#include <fmt/core.h>
#include <linux/netlink.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "lbd/announce/withdraw.hpp"
#include "lbd/attach/offloads.hpp"
#include "lbd/control/control.hpp"
#include "lbd/datapath/pins.hpp"
#include "lbd/drain/drains.hpp"
#include "lbd/health/answer_tap.hpp"
#include "netlink/links.hpp"
#include "netlink/neighbour.hpp"
#include "netlink/socket.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

/// Ends the kernel's resolution of neighbours that an lbd asked for.
Result<> release_neighbours(const std::vector<PinnedLink>& from) {
    TRY(auto socket, netlink::Socket::open(NETLINK_ROUTE));
    TRY(const auto links, netlink::Links(socket).dump());
    std::set<std::uint32_t> ours;  // the interfaces and the VLAN devices on them
    for (const auto& link : links)
        if (std::ranges::any_of(from, [&](const PinnedLink& pinned) {
                return pinned.ifindex == link.index || pinned.ifindex == link.lower;
            }))
            ours.insert(link.index);
    netlink::Neighbours neighbours(socket);
    TRY(const auto all, neighbours.dump());
    for (const auto& neighbour : all)
        if (neighbour.managed && ours.contains(neighbour.link))
            (void)neighbours.remove(neighbour.link, neighbour.address);
    return {};
}

/// Detaches when no balancer runs.
Result<> detach(const Options& options) {
    CHECK_OK(enter_netns(options));
    const auto withdrawn = end_announcing(socket_path(options));
    TRY(const Pins pins, Pins::open());
    const auto links = pins.links();
    CHECK_OK(pins.remove());
    CHECK_OK(release_neighbours(links));
    CHECK_OK(remove_answer_taps());
    ::unlink(socket_path(options).c_str());
    auto offloads = Offloads::open(offloads_file(socket_path(options)));
    const Result<> restored = offloads ? offloads->restore() : tl::unexpected(offloads.error());
    const auto forgotten = write_drains(drains_file(socket_path(options)), {});
    return !withdrawn ? withdrawn : !restored ? restored : forgotten;
}

}  // namespace

ExitCode reload(const Options& options) {
    const auto answer = ask(socket_path(options), {{"command", "reload"}});
    if (!answer) return fail(answer.error());
    if (!answer->contains("refused")) return exit_done;
    for (const auto& line : answer->at("refused")) fmt::print(stderr, "{}\n", line.get<std::string>());
    return exit_usage;
}

void declare_stop(CLI::App& app, Options& options) {
    app.add_flag("--detach", options.detach, "Also stop balancing and forget all flows; works when no lbd runs, too");
}

ExitCode stop(const Options& options) {
    const auto stopped = tell(socket_path(options), {{"command", "stop"}, {"detach", options.detach}});
    if (stopped) return exit_done;
    const bool none_runs = stopped.error().code == ENOENT || stopped.error().code == ECONNREFUSED;
    if (!options.detach || !none_runs) return fail(stopped.error());
    const auto detached = detach(options);
    return detached ? exit_done : fail(detached.error());
}

}  // namespace culvert::lbd
