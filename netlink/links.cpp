// SPDX-License-Identifier: Apache-2.0
#include "netlink/links.hpp"

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <cerrno>
#include <string_view>
#include <utility>

namespace culvert::netlink {

namespace {

std::string_view kind_of(const Dummy& /*unused*/) { return "dummy"; }
std::string_view kind_of(const Veth& /*unused*/) { return "veth"; }
std::string_view kind_of(const TunnelDevice& device) { return kind_name(device); }

std::string_view module_of(const NewLink& link) {
    if (const auto* const device = std::get_if<TunnelDevice>(&link.kind)) return module_of(*device);
    return std::visit([](const auto& value) { return kind_of(value); }, link.kind);
}

void encode(Message& /*data*/, const Dummy& /*dummy*/) {}

void encode(Message& data, const TunnelDevice& device) {
    std::visit([&](const auto& parameters) { netlink::encode(data, parameters); }, device);
}

void encode(Message& data, const Veth& veth) {
    data.nest(VETH_INFO_PEER, [&](Message& peer) {
        peer.header(ifinfomsg{}).text(IFLA_IFNAME, veth.peer);
        if (veth.peer_netns) peer.u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(*veth.peer_netns));
    });
}

template <typename Kind>
void encode_info(Message& message, const Kind& kind) {
    message.nest(IFLA_LINKINFO, [&](Message& info) {
        info.text(IFLA_INFO_KIND, kind_of(kind)).nest(IFLA_INFO_DATA, [&](Message& data) { encode(data, kind); });
    });
}

bool endpoints_fit(const Tunnel& tunnel) {
    const Family outer = outer_family(tunnel.kind);
    return (!tunnel.local || tunnel.local->family() == outer) && (!tunnel.remote || tunnel.remote->family() == outer);
}

/// The kernel would read the first four bytes of an IPv6 address as an IPv4 address.
Result<> check_endpoints(const Tunnel& tunnel, const std::string& operation, const std::string& object) {
    if (endpoints_fit(tunnel)) return {};
    return failure(
        operation, object, EAFNOSUPPORT, "",
        fmt::format("the addresses of a {} tunnel are {}", name(tunnel.kind), name(outer_family(tunnel.kind))));
}

/// The kernel has no error text for an encapsulation whose module is not loaded.
std::string encap_cure(const Tunnel& tunnel, int code) {
    if (tunnel.encap.type == EncapType::none || code != EINVAL) return {};
    return fmt::format("if module {0} is not loaded: modprobe {0}",
                       outer_family(tunnel.kind) == Family::ipv4 ? "fou" : "fou6");
}

ifinfomsg link_header(const LinkRef& link) { return {.ifi_index = static_cast<int>(link.index())}; }

void set_flag_up(ifinfomsg& header, bool up) {
    header.ifi_flags = up ? IFF_UP : 0;
    header.ifi_change = IFF_UP;
}

/// A message about an existing link.
Message link_message(int type, int flags, const LinkRef& link, const ifinfomsg& header) {
    Message message(type, flags, header);
    if (!link.name().empty()) message.text(link.name().size() < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, link.name());
    return message;
}

Message link_message(int type, const LinkRef& link) { return link_message(type, 0, link, link_header(link)); }

}  // namespace

std::string LinkRef::to_string() const { return name_.empty() ? fmt::format("index {}", index_) : name_; }

Result<std::vector<Link>> Links::dump() {
    Message message(RTM_GETLINK, 0, ifinfomsg{});
    message.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);  // statistics are the largest part of the reply
    return socket_->dump(std::move(message), "list links", decode_link);
}

Result<Link> Links::get(const LinkRef& link) {
    return socket_->query(link_message(RTM_GETLINK, link), "get link", link.to_string(), decode_link);
}

Result<LinkStats> Links::stats(const LinkRef& link) {
    return socket_->query(link_message(RTM_GETLINK, link), "get counters of link", link.to_string(), decode_link_stats);
}

Result<> Links::create(const NewLink& link) {
    const std::string_view kind = std::visit([](const auto& value) { return kind_of(value); }, link.kind);
    const std::string operation = fmt::format("create {} link", kind);
    const auto* const device = std::get_if<TunnelDevice>(&link.kind);
    const auto* const tunnel = device != nullptr ? std::get_if<Tunnel>(device) : nullptr;
    if (tunnel != nullptr) CHECK_OK(check_endpoints(*tunnel, operation, link.name));

    ifinfomsg header{};
    if (link.up) set_flag_up(header, true);
    Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, header);
    message.text(IFLA_IFNAME, link.name);
    if (link.mac) message.mac(IFLA_ADDRESS, *link.mac);
    if (link.mtu) message.u32(IFLA_MTU, *link.mtu);
    std::visit([&](const auto& value) { encode_info(message, value); }, link.kind);

    auto made = socket_->request(std::move(message), operation, link.name);
    if (!made && made.error().code == EOPNOTSUPP)
        made.error().cure = fmt::format("module {0} is not loaded: modprobe {0}", module_of(link));
    else if (!made && tunnel != nullptr && made.error().cure.empty())
        made.error().cure = encap_cure(*tunnel, made.error().code);
    return made;
}

Result<> Links::change(const LinkRef& link, const LinkChange& change) {
    const std::string operation = "change link";
    if (change.tunnel) CHECK_OK(check_endpoints(*change.tunnel, operation, link.to_string()));

    ifinfomsg header = link_header(link);
    if (change.up) set_flag_up(header, *change.up);
    Message message = link_message(RTM_NEWLINK, 0, link, header);
    if (change.mtu) message.u32(IFLA_MTU, *change.mtu);
    if (change.mac) message.mac(IFLA_ADDRESS, *change.mac);
    // Without a NUL: the kernel stores a lone NUL as an alias. Only no bytes at all remove the alias.
    if (change.alias) message.put(IFLA_IFALIAS, change.alias->data(), change.alias->size());
    if (change.netns) message.u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(*change.netns));
    if (change.tunnel) encode_info(message, *change.tunnel);

    auto changed = socket_->request(std::move(message), operation, link.to_string());
    if (!changed && change.tunnel && changed.error().cure.empty())
        changed.error().cure = encap_cure(*change.tunnel, changed.error().code);
    return changed;
}

Result<> Links::remove(const LinkRef& link) {
    return socket_->request(link_message(RTM_DELLINK, link), "remove link", link.to_string());
}

Result<> Links::attach_xdp(const LinkRef& link, int program, std::uint32_t flags) {
    Message message = link_message(RTM_SETLINK, link);
    message.nest(IFLA_XDP, [&](Message& xdp) {
        xdp.u32(IFLA_XDP_FD, static_cast<std::uint32_t>(program)).u32(IFLA_XDP_FLAGS, flags);
    });
    return socket_->request(std::move(message), "attach XDP to", link.to_string());
}

Result<> Links::detach_xdp(const LinkRef& link, int program, std::uint32_t flags) {
    constexpr auto none = static_cast<std::uint32_t>(-1);
    Message message = link_message(RTM_SETLINK, link);
    message.nest(IFLA_XDP, [&](Message& xdp) {
        xdp.u32(IFLA_XDP_FD, none)
            .u32(IFLA_XDP_EXPECTED_FD, static_cast<std::uint32_t>(program))
            .u32(IFLA_XDP_FLAGS, flags | XDP_FLAGS_REPLACE);
    });
    return socket_->request(std::move(message), "detach XDP from", link.to_string());
}

}  // namespace culvert::netlink
