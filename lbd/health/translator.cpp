// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/translator.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "lbd/health/probe_address.hpp"

namespace culvert::lbd {
namespace {

/// The ports of a queue, host order.
struct Ports {
    std::uint32_t first;
    std::uint32_t count;
};
constexpr std::array<Ports, PROBE_QUEUES> ports_of_queue{{
    {PROBE_PORTS_OWN, 65536 - PROBE_PORTS_OWN},
    {PROBE_PORTS_SCRIPTS, PROBE_PORTS_OWN - PROBE_PORTS_SCRIPTS},
    {PROBE_PORTS_OTHERS, PROBE_PORTS_SCRIPTS - PROBE_PORTS_OTHERS},
}};

std::optional<probe_queue> queue_of(std::uint16_t port) {
    for (const probe_queue queue : {PROBE_QUEUE_OWN, PROBE_QUEUE_SCRIPTS, PROBE_QUEUE_OTHERS})
        if (port - ports_of_queue[queue].first < ports_of_queue[queue].count) return queue;
    return std::nullopt;
}

}  // namespace

Translator::Sessions& Translator::sessions_of(const Key& key) {
    Sessions& sessions = sessions_[key];
    if (!sessions.by_port.empty()) return sessions;
    const auto [first, count] = ports_of_queue[std::get<probe_queue>(key)];
    std::vector<std::uint16_t> shuffled(count);
    for (std::uint32_t i = 0; i < count; ++i) shuffled[i] = static_cast<std::uint16_t>(first + i);
    std::ranges::shuffle(shuffled, std::mt19937(std::random_device{}()));
    sessions.by_port.resize(count);
    for (const std::uint16_t port : shuffled)
        sessions.by_port[port - first].place = sessions.free.insert(sessions.free.end(), port);
    return sessions;
}

std::uint16_t Translator::Sessions::take(const Session& wanted, std::uint32_t first) {
    Order& from = free.empty() ? used : free;
    const std::uint16_t port = from.front();
    auto& session = by_port[port - first].session;
    if (session) ports.erase(*session);
    session = wanted;
    ports.emplace(wanted, port);
    used.splice(used.end(), from, from.begin());
    return port;
}

void Translator::Sessions::release(std::uint16_t port, std::uint32_t first) {
    Port& entry = by_port[port - first];
    ports.erase(*entry.session);
    entry.session.reset();
    free.splice(free.end(), used, entry.place);
}

std::optional<std::uint32_t> Translator::outward(std::span<std::uint8_t> packet, probe_queue queue) {
    const auto from = read_endpoints(packet);
    if (!from || !probe_sources(from->source.family()).contains(from->source)) return std::nullopt;
    const auto dest = dest_of(from->destination);
    const auto target = dest ? targets_.find(*dest) : targets_.end();
    if (target == targets_.end() || target->second.vip.family() != from->source.family()) return std::nullopt;

    Sessions& sessions = sessions_of({from->source.family(), from->protocol, queue});
    const std::uint32_t first = ports_of_queue[queue].first;
    const Session wanted{
        .dest = *dest, .address = from->source, .port = from->source_port, .vip_port = from->destination_port};
    const auto known = sessions.ports.find(wanted);
    if (known == sessions.ports.end() && from->resets) return std::nullopt;  // there is no session to reset
    const std::uint16_t port = known == sessions.ports.end() ? sessions.take(wanted, first) : known->second;
    if (from->resets)
        sessions.release(port, first);
    else
        sessions.touch(port, first);

    if (queue == PROBE_QUEUE_OWN) ++traffic_[*dest].out;
    Endpoints to = *from;
    to.source = target->second.own;
    to.destination = target->second.vip;
    to.source_port = port;
    replace_endpoints(packet, to);
    return dest;
}

bool Translator::inward(std::span<std::uint8_t> packet) {
    const auto from = read_endpoints(packet);
    const auto queue = from ? queue_of(from->destination_port) : std::nullopt;
    if (!queue) return false;
    const auto found = sessions_.find({from->source.family(), from->protocol, *queue});
    if (found == sessions_.end()) return false;
    const std::uint32_t first = ports_of_queue[*queue].first;
    const auto& session = found->second.by_port[from->destination_port - first].session;
    if (!session || session->vip_port != from->source_port) return false;
    const auto target = targets_.find(session->dest);
    if (target == targets_.end() || target->second.vip != from->source || target->second.own != from->destination)
        return false;

    found->second.touch(from->destination_port, first);
    if (*queue == PROBE_QUEUE_OWN) ++traffic_[session->dest].in;
    Endpoints to = *from;
    to.source = probe_address(session->dest, from->source.family());
    to.destination = session->address;
    to.destination_port = session->port;
    replace_endpoints(packet, to);
    return true;
}

ProbeTraffic Translator::traffic(std::uint32_t dest) const {
    const auto known = traffic_.find(dest);
    return known == traffic_.end() ? ProbeTraffic{} : known->second;
}

}  // namespace culvert::lbd
