// SPDX-License-Identifier: Apache-2.0
#include "realserver/model/state.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace culvert::realserver {

namespace {

using netlink::FouType;

struct NameOf {
    std::string operator()(const Module& module) const { return module.name; }
    std::string operator()(const Device& device) const { return device.name; }
    std::string operator()(const TunnelMode& mode) const { return mode.device; }
    std::string operator()(const Sysctl& sysctl) const { return sysctl.key.to_string(); }
    std::string operator()(const Vip& vip) const {
        return vip.prefix.is_host() ? vip.prefix.address.to_string() : vip.prefix.to_string();
    }
    std::string operator()(const Ruleset& ruleset) const { return "inet " + ruleset.table.name; }
    std::string operator()(const Link& link) const { return link.device; }
    std::string operator()(const Decap& decap) const { return decap.device.empty() ? "no device" : decap.device; }
    std::string operator()(const Port& port) const {
        return fmt::format("{}/udp over {}", port.port.port, netlink::name(port.port.family));
    }
};

std::string inner_name(std::uint8_t protocol) {
    switch (protocol) {
        case IPPROTO_IPIP:
            return "ipv4";
        case IPPROTO_IPV6:
            return "ipv6";
        case IPPROTO_GRE:
            return "gre";
        default:
            return fmt::format("protocol {}", protocol);
    }
}

/// Describes a table by the comments of the rules in its base chains.
std::string describe(const netlink::nft::Table& table) {
    constexpr std::size_t most_shown = 4;
    std::vector<std::string_view> comments;
    for (const auto& [name, chain] : table.chains)
        for (const auto& rule : chain.rules)
            if (chain.hook && !rule.comment.empty()) comments.push_back(rule.comment);
    if (comments.empty()) return "no rules of ours";
    const std::size_t shown = std::min(comments.size(), most_shown);
    std::string text = fmt::format("{}", fmt::join(comments.begin(), comments.begin() + std::ptrdiff_t(shown), ", "));
    if (comments.size() > shown) text += fmt::format(", and {} more", comments.size() - shown);
    return text;
}

struct ValueOf {
    std::string operator()(const Module&) const { return {}; }
    std::string operator()(const Device& device) const { return describe(device); }
    std::string operator()(const TunnelMode& mode) const { return std::string(mode_name(mode.inner)); }
    std::string operator()(const Sysctl& sysctl) const { return std::to_string(sysctl.value); }
    std::string operator()(const Vip&) const { return {}; }
    std::string operator()(const Ruleset& ruleset) const { return describe(ruleset.table); }
    std::string operator()(const Link& link) const { return link.up ? "up" : "down"; }
    std::string operator()(const Decap& decap) const { return describe(decap); }
    std::string operator()(const Port& item) const {
        const netlink::FouPort& port = item.port;
        std::string text = port.type == FouType::gue ? "gue" : "fou, inner " + inner_name(port.protocol);
        if (port.local) text += ", local " + port.local->to_string();
        if (port.peer) text += fmt::format(", peer {} port {}", port.peer->to_string(), port.peer_port);
        if (!item.device.empty()) text += ", dev " + item.device;
        return text;
    }
};

}  // namespace

std::string Key::to_string() const { return fmt::format("{} {}", realserver::name(kind), name); }

Kind kind_of(const Item& item) { return static_cast<Kind>(item.index()); }

std::string_view name(Kind kind) {
    switch (kind) {
        case Kind::module:
            return "module";
        case Kind::device:
            return "device";
        case Kind::sysctl:
            return "sysctl";
        case Kind::vip:
            return "vip";
        case Kind::table:
            return "table";
        case Kind::mode:
            return "mode";
        case Kind::link:
            return "link";
        case Kind::decap:
            return "decap";
        case Kind::port:
            return "port";
    }
    return {};
}

bool is_setting(Kind kind) { return kind == Kind::sysctl || kind == Kind::mode || kind == Kind::link; }

Key key(const Item& item) { return {kind_of(item), std::visit(NameOf{}, item)}; }

std::string value(const Item& item) { return std::visit(ValueOf{}, item); }

std::vector<Key> settings_of(const std::string& device) {
    return {
        {Kind::mode, device}, {Kind::sysctl, netlink::SysctlKey::rp_filter(device).to_string()}, {Kind::link, device}};
}

void put(HostState& state, Item item) {
    Key its_key = key(item);
    state.insert_or_assign(std::move(its_key), std::move(item));
}

std::optional<Item> find(const HostState& state, const Key& key) {
    const auto found = state.find(key);
    return found == state.end() ? std::nullopt : std::optional(found->second);
}

Kind Change::kind() const { return kind_of(after ? *after : before.value()); }

Key Change::key() const { return realserver::key(after ? *after : before.value()); }

std::string_view Change::verb() const { return !before ? "add" : !after ? "remove" : "change"; }

std::string Change::to_string() const {
    const std::string was = before ? value(*before) : "";
    const std::string becomes = after ? value(*after) : "";
    if (before && after) {
        if (was == becomes) return fmt::format("~ {}: {}set again", key().to_string(), was.empty() ? "" : was + ", ");
        return fmt::format("~ {}: {} -> {}", key().to_string(), was, becomes);
    }
    const std::string& words = before ? was : becomes;
    return fmt::format("{} {}{}{}", before ? '-' : '+', key().to_string(), words.empty() ? "" : ": ", words);
}

}  // namespace culvert::realserver
