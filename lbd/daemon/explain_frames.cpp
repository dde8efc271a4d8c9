// SPDX-License-Identifier: Apache-2.0
#include "lbd/daemon/explain_frames.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "lbd/datapath/rehearsal.hpp"
#include "lbd/explain/explain.hpp"
#include "lbd/frame/whole.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* too_short = "it is too short for an Ethernet frame";
constexpr const char* too_little = "the captured part ends within the headers that the balancer looks at";

/// A frame from the command line has no MAC addresses. It gets that of the interface on which it arrives.
std::vector<std::uint8_t> addressed(std::vector<std::uint8_t> frame, const netlink::MacAddress& interface) {
    const auto to = std::span(frame).first(std::min(frame.size(), interface.bytes.size()));
    if (std::ranges::all_of(to, [](std::uint8_t byte) { return byte == 0; }))
        std::copy_n(interface.bytes.begin(), to.size(), to.begin());
    return frame;
}

}  // namespace

tl::expected<Json, std::string> explain_frames(const Balancer& balancer, const ExplainRequest& request) {
    const auto& attachments = balancer.program.attachments().list();
    if (attachments.empty()) return tl::unexpected(std::string("it balances on no interface yet"));
    Scene scene{.config = balancer.wanted.config,
                .image = balancer.image(),
                .interfaces = {},
                .buckets = balancer.program.datapath().flows().table().size()};
    for (const Attachment& one : attachments) scene.interfaces[one.ifindex] = one.name;
    const std::string& name = request.interface;
    const auto by = name.empty() ? attachments.begin() : std::ranges::find(attachments, name, &Attachment::name);
    if (by == attachments.end()) return tl::unexpected(fmt::format("lbd does not balance on {}", name));

    auto rehearsal = balancer.program.datapath().rehearse();
    if (!rehearsal) return tl::unexpected(rehearsal.error().message());
    Json answers = Json::array();
    const auto& ports = balancer.reach.resolver.network().ports;
    const auto port = ports.find(by->ifindex);
    const netlink::Link link = port == ports.end() ? netlink::Link{} : port->second;
    for (const auto& [front, length] : request.frames) {
        const auto whole = as_whole(front, length, Fate::longest);
        if (length < Fate::shortest || !whole) {
            answers.push_back(unexplained(front, length, by->name, whole ? too_short : too_little));
            continue;
        }
        const auto frame = addressed(whole->frame, link.mac.value_or(netlink::MacAddress{}));
        const auto fate = rehearsal->run(frame, by->ifindex);
        if (!fate) return tl::unexpected(fate.error().message());
        const Excerpt excerpt{.captured = front.size(), .length = length, .missing = whole->missing, .mtu = link.mtu};
        answers.push_back(explain(frame, by->ifindex, *fate, scene, excerpt));
    }
    return answers;
}

}  // namespace culvert::lbd
