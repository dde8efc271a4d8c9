// SPDX-License-Identifier: Apache-2.0
#include "lbd/reload/reach.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "lbd/model/cure.hpp"
#include "lbd/network/log.hpp"
#include "lbd/network/report.hpp"

namespace culvert::lbd {

using netlink::Result;

void follow(Resolver& resolver, const Services& services) {
    for (const Services::Shared& service : services.shared()) resolver.follow(service);
}

void forget(Resolver& resolver, const Services& services) {
    for (const Services::Shared& service : services.shared()) resolver.forget(service);
}

Result<Hops> resolve(Resolver& resolver, std::chrono::milliseconds patience, const common::SlowCall& slow) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + patience;
    for (;;) {
        Hops hops = resolver.update();
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0 || std::ranges::all_of(hops, [](const auto& hop) { return hop.second.has_value(); }))
            return hops;
        pollfd changes{.fd = resolver.fd(), .events = POLLIN, .revents = 0};
        slow([&] { ::poll(&changes, 1, static_cast<int>(left.count())); });
        CHECK_OK(resolver.read());
    }
}

Result<> expect_interfaces(const Resolver& resolver, const std::vector<std::string>& waited_for) {
    for (const std::string& name : resolver.tables().missing())
        if (std::ranges::find(waited_for, name) == waited_for.end())
            return netlink::failure("balance on", name, ENODEV, {}, std::string(cure_of("interface_missing")));
    return {};
}

bool report(const Reach& reach, const Hops& before, const Services& services) {
    const auto why = [&](const IpAddress& backend) { return reach.resolver.why_unresolved(backend); };
    const auto changes = way_changes(before, reach.hops, why);
    for (const WayChange& change : changes) log_way(change, reach.resolver.network());
    if (before != reach.hops) log_narrow(narrow_paths(services, reach.hops));
    return !changes.empty();
}

}  // namespace culvert::lbd
