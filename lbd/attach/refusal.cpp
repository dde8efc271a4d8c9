// SPDX-License-Identifier: Apache-2.0
#include "lbd/attach/refusal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "lbd/model/cure.hpp"

namespace culvert::lbd {
namespace {

constexpr std::uint32_t usual_mtu = 1500;

std::string in_lower_case(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

bool has_any(const std::string& text, std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(words, [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

/// Some drivers name the longest MTU that they support.
std::optional<std::uint32_t> mtu_in(const std::string& text, std::uint32_t present) {
    constexpr std::uint32_t least = 1280;
    std::optional<std::uint32_t> found;
    std::uint64_t number = 0;
    for (const char c : text + " ") {
        if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
            number = std::min<std::uint64_t>(number * 10 + static_cast<unsigned>(c - '0'), UINT32_MAX);
            continue;
        }
        if (number >= least && number < present) found = static_cast<std::uint32_t>(number);
        number = 0;
    }
    return found;
}

/// A frame must fit into a page, together with XDP_PACKET_HEADROOM, skb_shared_info and the Ethernet header
/// (drivers/net/veth.c, veth_xdp_set; drivers/net/virtio_net.c, virtnet_xdp_set).
std::uint32_t mtu_in_a_page(std::uint32_t page_size) {
    constexpr std::uint32_t headroom = 256;
    constexpr std::uint32_t shared_info = 320;
    constexpr std::uint32_t ethernet = 14;
    return page_size - headroom - shared_info - ethernet;
}

std::string lower_mtu(const Refusal& refusal, const std::string& text) {
    const bool is_veth = refusal.link.kind == "veth";
    if (is_veth && !refusal.peer)
        return fmt::format(cure_of("mtu_too_long_elsewhere"), mtu_in_a_page(refusal.page_size));
    const netlink::Link& device = is_veth ? *refusal.peer : refusal.link;
    auto mtu = mtu_in(text, device.mtu);
    if (!mtu && (is_veth || has_any(text, {"without frags"}))) mtu = mtu_in_a_page(refusal.page_size);
    return fmt::format(cure_of("mtu_too_long"), device.name, mtu.value_or(usual_mtu));
}

/// A veth needs at least as many receive queues as its other end has transmit queues.
std::string balance_veth(const Refusal& refusal) {
    const auto& [own, other] = std::pair(refusal.channels, refusal.peer_channels);
    if (!own) return {};
    if (other && other->transmit > own->most_receive)
        return fmt::format(cure_of("queues_of_other_end_too_many"), refusal.peer->name, own->receive);
    return fmt::format(cure_of("queues_too_few"), refusal.link.name, other ? other->transmit : own->most_receive);
}

/// Each receive queue needs another queue for the packets that the program sends.
std::string halve_channels(const Refusal& refusal) {
    if (!refusal.channels) return {};
    const netlink::Channels& channels = *refusal.channels;
    const auto half = [](std::uint32_t most) { return std::max(most / 2, 1U); };
    if (channels.most_combined > 0)
        return fmt::format(cure_of("queues_shared"), refusal.link.name, half(channels.most_combined));
    const std::uint32_t count = half(std::min(channels.most_receive, channels.most_transmit));
    return fmt::format(cure_of("queues_shared_apart"), refusal.link.name, count);
}

std::string command_for(const Refusal& refusal) {
    const std::string text = in_lower_case(refusal.kernel);
    if (refusal.code == EPERM || refusal.code == EACCES) return std::string(cure_of("not_permitted"));
    // The driver's text says that the guest cannot change it.
    if (has_any(text, {"host is implementing"})) return std::string(cure_of("host_merges"));
    if (has_any(text, {"queue", "channel", " ring"}) || refusal.code == ENOSPC)
        return refusal.link.kind == "veth" ? balance_veth(refusal) : halve_channels(refusal);
    if (has_any(text, {"mtu", "buffer size", "frame size", "jumbo"}) || refusal.code == ERANGE)
        return lower_mtu(refusal, text);
    if (has_any(text, {"lro", "gro"})) return fmt::format(cure_of("card_merges"), refusal.link.name);
    if (text.empty() && refusal.code != EOPNOTSUPP && refusal.link.mtu > usual_mtu) return lower_mtu(refusal, text);
    return {};
}

std::string or_generic(const std::string& command) {
    return (command.empty() ? "" : command + ", or ") + std::string(cure_of("native_impossible"));
}

}  // namespace

std::string cure_of(const Refusal& refusal) {
    const std::string command = command_for(refusal);
    if (refusal.mode == XdpMode::generic) return command;
    return or_generic(command);
}

netlink::Error refused(const Refusal& refusal) {
    const bool is_generic = refusal.mode == XdpMode::generic;
    return {.operation = is_generic ? "attach generic XDP to" : "attach native XDP to",
            .object = refusal.link.name,
            .code = refusal.code,
            .kernel = refusal.kernel,
            .cure = cure_of(refusal)};
}

std::optional<netlink::Error> native_lacks(const Driver& driver, bool several) {
    const netlink::Link& link = driver.link;
    const auto lacks = [&](std::string what, std::string cure = {}) {
        return netlink::Error{.operation = "attach native XDP to",
                              .object = link.name,
                              .code = EOPNOTSUPP,
                              .kernel = std::move(what),
                              .cure = or_generic(cure)};
    };
    const bool is_veth = link.kind == "veth";
    // Some drivers report this only because of queues, members or offloads. The kernel's error on attaching says more.
    if (!driver.features || !driver.features->native) return std::nullopt;
    if (several && !driver.features->redirects) return lacks("its driver cannot redirect packets");
    // Packets that a veth's program sends back also go to the other end, which must accept them.
    if (is_veth && !driver.features->transmits)
        return lacks("its other end does not accept packets from XDP",
                     driver.peer ? fmt::format(cure_of("other_end_takes_none"), driver.peer->name)
                                 : std::string(cure_of("other_end_elsewhere_takes_none")));
    if (several && driver.runs && !driver.features->transmits)
        return lacks("its driver does not transmit redirected packets");
    return std::nullopt;
}

netlink::Error taken(const std::string& name, std::string removal) {
    return {.operation = "attach XDP to",
            .object = name,
            .code = EBUSY,
            .kernel = "another XDP program is attached",
            .cure = std::move(removal)};
}

}  // namespace culvert::lbd
