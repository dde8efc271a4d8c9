// SPDX-License-Identifier: Apache-2.0
#include "netlink/links_elsewhere.hpp"

#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <utility>

namespace culvert::netlink {

namespace {

/// The kernel gives a namespace an id in another one when a link is moved between them; -1: it has none.
std::optional<std::int32_t> decode_id(Bytes message) {
    const auto parsed = parse<rtgenmsg>(message);
    if (!parsed || parsed->message.nlmsg_type != RTM_NEWNSID) return std::nullopt;
    return parsed->attributes.structure<std::int32_t>(NETNSA_NSID);
}

Result<std::int32_t> id_of_this(Socket& route) {
    Message message(RTM_GETNSID, 0, rtgenmsg{});
    message.u32(NETNSA_PID, static_cast<std::uint32_t>(::gettid()));
    return route.query(std::move(message), "get id of", "this network namespace", decode_id);
}

}  // namespace

Result<std::vector<LinkElsewhere>> links_elsewhere(Socket& route) {
    TRY(const auto others, route.dump(Message(RTM_GETNSID, 0, rtgenmsg{}), "list network namespaces", decode_id));
    std::vector<LinkElsewhere> all;
    for (const std::int32_t other : others) {
        Message message(RTM_GETLINK, 0, ifinfomsg{});
        message.u32(IFLA_TARGET_NETNSID, static_cast<std::uint32_t>(other));
        auto links = route.dump(std::move(message), "list links", decode_link);
        if (!links) continue;
        for (Link& link : *links)
            if (link.lower_netns) all.push_back({other, std::move(link)});
    }
    if (all.empty()) return all;
    // The dumps have given this namespace an id in itself, if a link refers to it.
    TRY(const std::int32_t here, id_of_this(route));
    std::erase_if(all, [here](const LinkElsewhere& one) { return one.netns == here || one.link.lower_netns != here; });
    return all;
}

}  // namespace culvert::netlink
