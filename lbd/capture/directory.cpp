// SPDX-License-Identifier: Apache-2.0
#include "lbd/capture/directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "common/protocol.hpp"
#include "lbd/model/reasons.hpp"
#include "lbd/show/words.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;

bool takes(const Json& backend, const Bytes& frame, const Headers& headers) {
    if (backend.at("encap").at("type") == "l2")
        return backend.value("mac", "") == netlink::MacAddress::from_bytes(std::span(frame).first(6))->to_string();
    return backend.at("address") == headers.destination.to_string();
}

}  // namespace

std::string describe(const Lost& lost, const std::string& to) {
    const auto& [name, text] = reasons[LB_DROP_NOT_SENT];
    return fmt::format("{} {} not sent{}: {}: {}{}", lost.frames, lost.frames == 1 ? "frame" : "frames",
                       to.empty() ? "" : " by " + to, name, text,
                       lost.error == 0 ? "" : fmt::format(" ({})", std::generic_category().message(lost.error)));
}

Directory::Directory(const Json& services, Json backends) : backends_(std::move(backends)) {
    for (const Json& one : services) {
        Entry entry{
            .name = one.at("name"), .vip = *netlink::Prefix::parse(one.at("vip").get<std::string>()), .ports = {}};
        for (const Json& text : one.at("ports")) {  // "53/udp", "8000-8099/tcp", "any/tcp"
            const auto spec = text.get<std::string>();
            const auto slash = spec.find('/'), dash = spec.find('-');
            Ports ports{.protocol = spec.substr(slash + 1), .first = 0, .last = UINT16_MAX};
            if (!spec.starts_with("any")) {
                std::from_chars(spec.data(), spec.data() + slash, ports.first);
                ports.last = ports.first;
                if (dash < slash) std::from_chars(spec.data() + dash + 1, spec.data() + slash, ports.last);
            }
            entry.ports.push_back(std::move(ports));
        }
        services_.push_back(std::move(entry));
    }
    // The longest VIP that contains the address comes first, and a service that lists the port before one with all
    // ports.
    std::ranges::stable_sort(services_, std::ranges::greater{}, [](const Entry& entry) { return entry.vip.length; });
}

bool Directory::has(const std::string& service) const {
    return std::ranges::count(services_, service, &Entry::name) > 0;
}

bool Directory::is_for_vip(std::span<const std::uint8_t> frame) const {
    const auto headers = decode(frame);
    return headers &&
           std::ranges::any_of(services_, [&](const Entry& one) { return one.vip.contains(headers->destination); });
}

const Directory::Entry* Directory::service_of(const Headers& headers) const {
    const Entry* of_all_ports = nullptr;
    std::uint8_t length = 0;
    for (const Entry& entry : services_) {
        if (!headers.has_ports || !entry.vip.contains(headers.destination)) continue;
        if (of_all_ports != nullptr && entry.vip.length < length) break;
        for (const Ports& ports : entry.ports) {
            if (ports.protocol != common::protocol_name(headers.protocol)) continue;
            if (headers.destination_port < ports.first || headers.destination_port > ports.last) continue;
            if (ports.first != 0) return &entry;
            of_all_ports = &entry;
            length = entry.vip.length;
        }
    }
    return of_all_ports;
}

/// Finds the backend by the addresses of the sent frame.
const Json* Directory::backend_of(const std::string& service, const Bytes& frame) const {
    const auto headers = decode(frame);
    if (!headers) return nullptr;
    for (const Json& backend : backends_)
        if ((service.empty() || backend.at("service") == service) && takes(backend, frame, *headers)) return &backend;
    return nullptr;
}

Decision Directory::decide(const Captured& packet) const {
    Decision decision;
    if (const auto headers = decode(packet.in))
        if (const Entry* service = service_of(*headers)) decision.service = service->name;
    const bool leaves = packet.leaves();
    const auto reason = [&] {
        return fmt::format("{}: {}", reasons[*packet.reason].name, reasons[*packet.reason].text);
    };
    if (packet.verdict == XDP_PASS) {
        decision.text = "passed to the kernel";
    } else if (!leaves) {
        decision.text = packet.reason ? "dropped: " + reason() : "dropped";
    } else if (packet.reason) {
        decision.text = "answered: " + reason();
    } else if (packet.event == LB_EVENT_ECHO) {
        decision.text = fmt::format("answered: {}", events[*packet.event].text);
    } else if (const Json* backend = backend_of(decision.service, packet.out)) {
        decision.service = backend->at("service");
        const auto name = backend->at("name").get<std::string>();
        decision.text = fmt::format("sent to {} {} ({})", decision.service, name, encap_text(backend->at("encap")));
        if (packet.verdict == XDP_REDIRECT) decision.interface = backend->value("interface", "");
    } else {
        decision.text = "sent";
    }
    return decision;
}

}  // namespace culvert::lbd
