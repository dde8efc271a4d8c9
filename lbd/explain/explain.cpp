// SPDX-License-Identifier: Apache-2.0
#include "lbd/explain/explain.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/bpf.h>

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "common/protocol.hpp"
#include "lbd/frame/frame.hpp"
#include "lbd/frame/hex.hpp"
#include "lbd/model/reasons.hpp"
#include "lbd/show/words.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;
using Frame = std::span<const std::uint8_t>;

/// The service and backend of a destination id.
struct Owner {
    const Service* service = nullptr;
    const Backend* backend = nullptr;  ///< null: it is gone
};

std::optional<Owner> owner_of(std::uint32_t id, const Scene& scene) {
    for (const Service& service : scene.config.services) {
        const auto ids = scene.image.ids.find(service.name);
        if (ids == scene.image.ids.end()) continue;
        const auto named = ids->second.backends.find(id);
        if (named == ids->second.backends.end() && !ids->second.in_block(id)) continue;
        Owner owner{.service = &service};
        if (named == ids->second.backends.end()) return owner;
        const auto backend = std::ranges::find(service.backends, named->second, &Backend::name);
        if (backend != service.backends.end()) owner.backend = &*backend;
        return owner;
    }
    return std::nullopt;
}

lb_dest_body body_of(std::uint32_t id, const Scene& scene) {
    const auto dest = scene.image.dests.find(id);
    return dest == scene.image.dests.end() ? lb_dest_body{} : dest->second;
}

/// Whether a known flow chose a new backend: it used the Maglev table, or would have if there were one.
bool has_left(const lb_story& story, const Scene& scene) {
    if (story.known == 0) return false;
    return story.table_size != 0 || is_left(scene.image, story.known);
}

std::string name_of(std::uint32_t ifindex, const Scene& scene) {
    const auto name = scene.interfaces.find(ifindex);
    return name == scene.interfaces.end() ? std::to_string(ifindex) : name->second;
}

/// Packets to link-layer broadcast and multicast addresses are not forwarded (RFC 1812, section 5.3.4).
std::string whom_it_is_for(Frame frame, Addressee addressee) {
    if (addressee == Addressee::all) return "link-layer broadcasts and multicasts are not forwarded";
    if (addressee == Addressee::other_vlan)
        return fmt::format("it is in VLAN {}, for which this host has no device",
                           fmt::join(vlans_of(frame), " in VLAN "));
    netlink::MacAddress mac;
    std::ranges::copy(frame.first(mac.bytes.size()), mac.bytes.begin());
    return fmt::format("it is for MAC address {}, which this host does not have on this interface", mac.to_string());
}

std::string why_passed(Frame frame, const Fate& fate, const std::optional<Headers>& headers, const Scene& scene) {
    if (fate.addressee != Addressee::us) return whom_it_is_for(frame, fate.addressee);
    constexpr std::size_t most_tags = 2;
    if (const auto vlans = vlans_of(frame); vlans.size() > most_tags)
        return fmt::format("it has {} VLAN tags, but the balancer looks behind only {}", vlans.size(), most_tags);
    if (!headers) return "it is not a complete IPv4 or IPv6 packet";
    const std::string to = headers->destination.to_string();
    const auto holds = [&](const Service& one) { return one.vip.prefix.contains(headers->destination); };
    if (std::ranges::none_of(scene.config.services, holds)) return fmt::format("{} is not a VIP", to);
    if (!headers->has_ports)
        return fmt::format("{} to VIP {} is not balanced", common::protocol_name(headers->protocol), to);
    return fmt::format("{} is a VIP, but no service has its port {}/{}", to, headers->destination_port,
                       common::protocol_name(headers->protocol));
}

struct Part {
    std::string name;
    std::size_t length;
};

/// The parts of an outgoing frame.
std::vector<Part> parts_of(const lb_dest_body& body, const Backend& backend, std::size_t length) {
    std::vector<Part> parts{{"ethernet", body.l2_len}};
    std::size_t rest = length - std::min<std::size_t>(length, body.l2_len);
    if (body.action == LB_ACTION_ENCAP) {
        const bool outer6 = (body.flags & LB_ENCAP_OUTER6) != 0;
        const std::size_t ip = outer6 ? 40 : 20, shim = body.head_len - body.l2_len - ip;
        parts.push_back({outer6 ? "ipv6" : "ipv4", ip});
        if (shim > 0) parts.push_back({to_json(backend.encap).at("type").get<std::string>(), shim});
        rest -= std::min(rest, ip + shim);
    }
    parts.push_back({"packet", rest});
    return parts;
}

Json out(const Fate& fate, const std::string& interface, const std::vector<Part>& parts) {
    Json json{{"interface", interface}, {"bytes", fate.frame.size()}, {"parts", Json::array()}};
    Frame left = fate.frame;
    for (const auto& [name, length] : parts) {
        const std::size_t size = std::min(length, left.size());
        json["parts"].push_back({{"name", name}, {"hex", to_hex(left.first(size))}});
        left = left.subspan(size);
    }
    return json;
}

/// The flow is from before a transition of its slot, and stays with the former backend.
bool is_from_before(const lb_story& story) { return story.former != 0 && story.former != LB_STORY_NO_FORMER; }

Json flow(const lb_story& story, bool gone, const Scene& scene) {
    const auto whole = static_cast<std::uint32_t>(scene.config.flows.entries / LB_FLOW_WAYS);
    const std::size_t used = scene.buckets != 0 ? scene.buckets : whole;
    const auto low = static_cast<std::uint32_t>(story.hash), high = static_cast<std::uint32_t>(story.hash >> 32);
    Json json{{"hash", fmt::format("{:016x}", story.hash)},
              {"bucket", lb_flow_index(low, high, whole - 1, static_cast<std::uint32_t>(used - 1))},
              {"known", story.known != 0}};
    if (gone) json["gone"] = true;
    if (is_from_before(story)) json["former"] = true;
    return json;
}

Json packet(Frame front, const Excerpt& seen, const std::optional<Headers>& headers) {
    Json json{{"interface", ""}, {"bytes", seen.length}};
    if (seen.captured < std::min(seen.length, Fate::longest)) json["captured"] = seen.captured;
    json["text"] = headers ? headers->to_string() : "not an IP packet";
    json["hex"] = to_hex(front);
    return json;
}

/// Whether the balancer turned the packet into an answer.
bool is_answer(const Fate& fate) {
    const bool leaves = fate.verdict == XDP_TX || fate.verdict == XDP_REDIRECT;
    return leaves && fate.event && *fate.event != LB_EVENT_ICMP_ERROR && *fate.event != LB_EVENT_EVICTED;
}

/// Corrects the verdict on a packet that was shortened for the program. ICMP errors and later fragments are not
/// answered.
Fate of_the_whole(Fate fate, Frame frame, const Excerpt& seen, const std::optional<Headers>& headers,
                  const lb_dest_body& body) {
    const bool is_sent = fate.verdict == XDP_TX || fate.verdict == XDP_REDIRECT;
    if (seen.missing == 0 || !is_sent || is_answer(fate) || !headers) return fate;
    const std::size_t length = frame.size() - headers->ip_offset + seen.missing;
    if (length <= body.mtu) return fate;
    const bool is_merged = length > seen.mtu;  // too long for the link, so it was merged on receipt
    const bool is_answered = headers->has_ports && !is_merged;
    fate.verdict = is_answered ? XDP_TX : XDP_DROP;
    fate.reason = is_merged ? LB_DROP_MERGED : LB_DROP_TOO_BIG;
    fate.event.reset();
    if (is_answered) fate.event = LB_EVENT_TOO_BIG_SENT;
    fate.frame.clear();
    return fate;
}

}  // namespace

Json explain(Frame frame, std::uint32_t ifindex, const Fate& outcome, const Scene& scene,
             const std::optional<Excerpt>& excerpt) {
    const auto headers = decode(frame);
    const lb_story& story = outcome.story;
    const Excerpt all{.captured = frame.size(), .length = frame.size()};
    const Excerpt& seen = excerpt ? *excerpt : all;
    Json json{{"packet", packet(frame.first(std::min(frame.size(), seen.captured)), seen, headers)}};
    json["packet"]["interface"] = name_of(ifindex, scene);

    const bool gone = has_left(story, scene);
    const std::uint32_t id = story.known != 0 && !gone ? story.known
                             : is_from_before(story)   ? story.former
                                                       : story.chosen;
    const lb_dest_body body = body_of(id, scene);
    const auto owner = owner_of(id != 0 ? id : story.service, scene);
    if (owner) json["service"] = {{"name", owner->service->name}, {"vip", owner->service->vip.to_string()}};
    if (story.hash != 0) json["flow"] = flow(story, gone, scene);
    if (story.table_size != 0) json["table"] = {{"entries", story.table_size}, {"entry", story.slot}};
    if (id != 0 && owner && owner->backend != nullptr) {
        json["backend"] = {{"name", owner->backend->name},
                           {"address", owner->backend->address.to_string()},
                           {"encap", to_json(owner->backend->encap)},
                           {"destination", id}};
        if (body.mtu != 0) json["backend"]["longest"] = body.mtu;
    }

    const Fate fate = of_the_whole(outcome, frame, seen, headers, body);
    const bool leaves = fate.verdict == XDP_TX || fate.verdict == XDP_REDIRECT;
    const bool answered = is_answer(fate);
    json["verdict"] = answered ? "answered" : leaves ? "sent" : fate.verdict == XDP_PASS ? "passed" : "dropped";
    if (fate.reason) {
        json["reason"] = reasons[*fate.reason].name;
        json["reason_text"] = reasons[*fate.reason].text;
    }
    if (answered) {
        json["event"] = events[*fate.event].name;
        json["event_text"] = events[*fate.event].text;
        const std::size_t l2 = headers ? headers->ip_offset : 0;
        if (!fate.frame.empty())
            json["out"] = out(fate, name_of(ifindex, scene), {{"ethernet", l2}, {"packet", fate.frame.size() - l2}});
    } else if (leaves && owner && owner->backend != nullptr) {
        const std::uint32_t to = fate.verdict == XDP_REDIRECT ? body.ifindex : ifindex;
        json["out"] = out(fate, name_of(to, scene), parts_of(body, *owner->backend, fate.frame.size()));
    }
    const bool is_as_long = fate.event != LB_EVENT_TOO_BIG_SENT && fate.event != LB_EVENT_TTL_SENT;
    if (json.contains("out") && is_as_long) json["out"]["bytes"] = fate.frame.size() + seen.length - frame.size();

    if (fate.verdict == XDP_PASS) json["passed_text"] = why_passed(frame, fate, headers, scene);
    return json;
}

Json unexplained(Frame front, std::size_t length, const std::string& interface, const std::string& why) {
    front = front.first(std::min(front.size(), Fate::longest));
    Json json{{"packet", packet(front, {.captured = front.size(), .length = length}, decode(front))}};
    json["packet"]["interface"] = interface;
    if (interface.empty()) json["packet"].erase("interface");
    json["verdict"] = "unknown";
    json["unknown_text"] = why;
    return json;
}

}  // namespace culvert::lbd
