// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/translator.hpp"

#include "lbd/health/probe_address.hpp"

namespace culvert::lbd {
namespace {

using netlink::Family;
using namespace std::chrono_literals;

/// The ports that Linux gives to connections begin here too (Documentation/networking/ip-sysctl.rst).
constexpr std::uint16_t first_port = 32768;
constexpr std::size_t port_count = 65536 - first_port;
/// Nothing to be heard for so long: the port may stand for another session.
constexpr auto idle = 30s;

}  // namespace

std::optional<std::uint16_t> Translator::port_for(Sessions& sessions, const Session& wanted, Time now) {
    if (const auto known = sessions.ports.find(wanted.key()); known != sessions.ports.end()) return known->second;
    sessions.by_port.resize(port_count);
    for (std::size_t tried = 0; tried < port_count; ++tried) {
        const std::size_t index = sessions.next++ % port_count;
        Session& session = sessions.by_port[index];
        if (session.used && now - *session.used < idle) continue;
        const auto old = sessions.ports.find(session.key());
        const auto port = static_cast<std::uint16_t>(first_port + index);
        if (old != sessions.ports.end() && old->second == port) sessions.ports.erase(old);
        session = wanted;
        sessions.ports.emplace(session.key(), port);
        return port;
    }
    return std::nullopt;
}

std::optional<std::uint32_t> Translator::outward(std::span<std::uint8_t> packet, Time now) {
    const auto from = read_endpoints(packet);
    if (!from) return std::nullopt;
    const auto dest = dest_of(from->destination);
    const auto target = dest ? targets_.find(*dest) : targets_.end();
    if (target == targets_.end() || target->second.vip.family() != from->source.family()) return std::nullopt;

    Sessions& sessions = sessions_[{from->source.family(), from->protocol}];
    const auto port = port_for(
        sessions, {.dest = *dest, .port = from->source_port, .vip_port = from->destination_port, .used = now}, now);
    if (!port) return std::nullopt;
    sessions.by_port[*port - first_port].used = from->resets ? std::nullopt : std::optional(now);
    Endpoints to = *from;
    to.source = target->second.own;
    to.destination = target->second.vip;
    to.source_port = *port;
    replace_endpoints(packet, to);
    return dest;
}

bool Translator::inward(std::span<std::uint8_t> packet, Time now) {
    const auto from = read_endpoints(packet);
    if (!from || from->destination_port < first_port) return false;
    const auto sessions = sessions_.find({from->source.family(), from->protocol});
    if (sessions == sessions_.end()) return false;
    Session& session = sessions->second.by_port[from->destination_port - first_port];
    const auto target = targets_.find(session.dest);
    if (!session.used || target == targets_.end() || session.vip_port != from->source_port) return false;
    if (target->second.vip != from->source || target->second.own != from->destination) return false;

    session.used = now;
    Endpoints to = *from;
    to.source = probe_address(session.dest, from->source.family());
    to.destination = probe_source(from->source.family()).address;
    to.destination_port = session.port;
    replace_endpoints(packet, to);
    return true;
}

}  // namespace culvert::lbd
