// SPDX-License-Identifier: Apache-2.0
#include "realserver/command/options.hpp"

#include "netlink/netns.hpp"

namespace culvert::realserver {

netlink::Result<> enter_namespace(const Options& options) {
    if (options.netns.empty()) return {};
    TRY(const netlink::NetworkNamespace wanted, netlink::NetworkNamespace::open(options.netns));
    return wanted.enter();
}

}  // namespace culvert::realserver
