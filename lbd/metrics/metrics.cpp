// SPDX-License-Identifier: Apache-2.0
#include "lbd/metrics/metrics.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <span>
#include <sstream>
#include <utility>
#include <variant>
#include <vector>

#include "lbd/model/reasons.hpp"

namespace culvert::lbd {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<prometheus::ClientMetric::Label>;
using Backends = std::span<const BackendStatus>;

constexpr std::size_t metrics_a_piece = 256;

void add(MetricFamily& family, Labels labels, double value) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    if (family.type == MetricType::Counter)
        metric.counter.value = value;
    else
        metric.gauge.value = value;
    family.metric.push_back(std::move(metric));
}

template <std::integral Value>
void add(MetricFamily& family, Labels labels, Value value) {
    add(family, std::move(labels), static_cast<double>(value));
}

/// The sum over the backends, or the value of a single one.
template <typename Value>
void add_sum(MetricFamily& family, Labels labels, Backends backends, Value value) {
    double sum = 0;
    for (const BackendStatus& one : backends) sum += static_cast<double>(value(one));
    add(family, std::move(labels), sum);
}

std::vector<std::string> texts(const std::vector<PortSpec>& ports) {
    std::vector<std::string> texts;
    for (const PortSpec& port : ports) texts.push_back(to_string(port));
    return texts;
}

template <typename Counts, typename Names>
void add_named(MetricFamily& family, const char* label, const Counts& counts, const Names& names) {
    for (std::size_t i = 0; i < counts.size(); ++i) add(family, {{label, std::string(names[i].name)}}, counts[i]);
}

void add_build(MetricFamily& family, const Status& /*status*/) { add(family, {{"version", CULVERT_VERSION}}, 1); }

void add_reloads(MetricFamily& family, const Status& status) {
    add(family, {{"result", "done"}}, status.reloads.done);
    add(family, {{"result", "failed"}}, status.reloads.failed);
}

void add_latency(MetricFamily& family, const Status& status) {
    constexpr double nanosecond = 1e-9;
    if (!status.latency) return;
    auto& histogram = family.metric.emplace_back().histogram;
    histogram.sample_sum = static_cast<double>(status.latency->sum) * nanosecond;
    for (std::size_t i = 0; i < status.latency->counts.size(); ++i) {
        histogram.sample_count += status.latency->counts.at(i);
        if (const auto bound = Latency::bound(i))
            histogram.bucket.push_back(
                {.cumulative_count = histogram.sample_count, .upper_bound = static_cast<double>(*bound) * nanosecond});
    }
}

void add_flows_used(MetricFamily& family, const Status& status) {
    std::uint64_t used = 0;
    for (const ServiceStatus& service : status.services) used += service.traffic().flows.entries;
    add(family, {}, used);
}

void add_interfaces(MetricFamily& family, const Status& status) {
    for (const InterfaceStatus& interface : status.interfaces) {
        if (!interface.is_balanced_on()) continue;
        const char* mode = !interface.mode ? "none" : interface.mode == XdpMode::generic ? "generic" : "native";
        add(family, {{"interface", interface.name}, {"xdp", mode}},
            interface.mode && interface.link && interface.link->is_up() && interface.link->has_carrier());
    }
}

/// Only for VIPs that lbd may announce.
void add_announced(MetricFamily& family, const Status& status) {
    for (const Announcement& one : status.announcements.vips)
        if (one.state != AnnounceState::excluded) add(family, {{"vip", one.vip.to_string()}}, one.announced);
}

void add_left(MetricFamily& family, const Status& status) {
    if (status.announcements.configured) add(family, {}, status.announcements.left);
}

void add_service(MetricFamily& family, const ServiceStatus& service) {
    add(family,
        {{"service", service.name},
         {"vip", service.vip.to_string()},
         {"ports", fmt::format("{}", fmt::join(texts(service.ports), " "))}},
        1);
}

void add_flows(MetricFamily& family, Labels labels, Backends backends) {
    const auto add_state = [&](const char* state, std::uint64_t FlowCount::*count) {
        Labels all = labels;
        all.push_back({"state", state});
        add_sum(family, std::move(all), backends, [&](const BackendStatus& one) { return one.traffic.flows.*count; });
    };
    add_state("live", &FlowCount::live);
    add_state("closing", &FlowCount::closing);
}

/// Only for backends with a reported path MTU.
void add_path_mtu(MetricFamily& family, Labels labels, Backends backends) {
    for (const BackendStatus& one : backends)
        if (one.path_mtu) add(family, labels, one.hop->narrowest());
}

/// Only for backends that have been checked.
void add_up(MetricFamily& family, Labels labels, Backends backends) {
    const auto is = [](const BackendStatus& one, Condition condition) {
        return one.check && one.check->condition == condition;
    };
    if (std::ranges::none_of(backends,
                             [&](const auto& one) { return is(one, Condition::up) || is(one, Condition::down); }))
        return;
    add_sum(family, std::move(labels), backends, [&](const auto& one) { return is(one, Condition::up); });
}

/// Without quantiles: sum and count give the average over any time.
void add_check_duration(MetricFamily& family, Labels labels, Backends backends) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    bool is_checked = false;
    for (const BackendStatus& one : backends) {
        if (!one.check) continue;
        is_checked = true;
        metric.summary.sample_count += one.check->counts.answered;
        metric.summary.sample_sum += std::chrono::duration<double>(one.check->counts.spent).count();
    }
    if (is_checked) family.metric.push_back(std::move(metric));
}

/// A value for each peer; absent without peers.
template <typename Value>
void add_peers(MetricFamily& family, const Status& status, Value value) {
    if (!status.cluster) return;
    for (const PeerStatus& peer : status.cluster->peers)
        add(family, {{"peer", peer.address.to_string()}}, static_cast<double>(value(peer)));
}

void add_joined(MetricFamily& family, const Status& status) {
    if (status.cluster) add(family, {}, status.cluster->joined);
}

void add_refused(MetricFamily& family, const Status& status) {
    if (status.cluster) add(family, {}, status.cluster->strangers);
}

void add_records(MetricFamily& family, const Status& status) {
    if (!status.cluster) return;
    for (const PeerStatus& peer : status.cluster->peers) {
        const std::string address = peer.address.to_string();
        add(family, {{"peer", address}, {"direction", "in"}}, peer.records_in);
        add(family, {{"peer", address}, {"direction", "out"}}, peer.records_out);
    }
}

/// Only of peers that are connected.
void add_round_trip(MetricFamily& family, const Status& status) {
    if (!status.cluster) return;
    for (const PeerStatus& peer : status.cluster->peers)
        if (peer.round_trip)
            add(family, {{"peer", peer.address.to_string()}}, std::chrono::duration<double>(*peer.round_trip).count());
}

struct OfBalancer {
    void (*add)(MetricFamily&, const Status&);
};
struct OfService {
    void (*add)(MetricFamily&, const ServiceStatus&);
};
/// A metric with one value for several backends.
struct OfBackends {
    void (*add)(MetricFamily&, Labels, Backends);
    bool adds_up = true;
};

template <typename Value>
constexpr OfBackends sum_of(Value /*value*/, bool adds_up = true) {
    return {.add = [](MetricFamily& family, Labels labels,
                      Backends backends) { add_sum(family, std::move(labels), backends, Value{}); },
            .adds_up = adds_up};
}

/// Likewise, over the backends that are checked; absent if there are none.
template <typename Value>
constexpr OfBackends sum_of_checks(Value /*value*/) {
    return {.add = [](MetricFamily& family, Labels labels, Backends backends) {
        if (std::ranges::any_of(backends, [](const BackendStatus& one) { return one.check.has_value(); }))
            add_sum(family, std::move(labels), backends,
                    [](const BackendStatus& one) { return one.check ? Value{}(*one.check) : 0; });
    }};
}

struct Row {
    const char* name;
    const char* labels;  ///< separated by commas
    const char* help;
    MetricType type;
    std::variant<OfBalancer, OfService, OfBackends> of;
};

template <typename Value>
constexpr OfBalancer of_peers(Value /*value*/) {
    return {.add = [](MetricFamily& family, const Status& status) { add_peers(family, status, Value{}); }};
}

constexpr std::array families{
    Row{"lbd_build_info", "version", "The running version; always 1", MetricType::Gauge, OfBalancer{add_build}},
    Row{"lbd_config_reloads_total", "result", "Reloads of the configuration; result: done or failed",
        MetricType::Counter, OfBalancer{add_reloads}},
    Row{"lbd_config_last_reload_successful", "",
        "1 if the last reload succeeded, otherwise 0: the configuration before it is in force", MetricType::Gauge,
        OfBalancer{[](auto& family, const Status& status) { add(family, {}, status.reloads.last_done); }}},
    Row{"lbd_service_info", "service, vip, ports", "VIP and ports of a service; always 1", MetricType::Gauge,
        OfService{add_service}},
    Row{"lbd_service_backends", "service", "Configured backends of a service", MetricType::Gauge,
        OfService{[](auto& family, const ServiceStatus& service) {
            add(family, {{"service", service.name}}, service.backends.size());
        }}},
    Row{"lbd_backend_packets_total", "service, backend", "Clients' packets forwarded to a backend", MetricType::Counter,
        sum_of([](const BackendStatus& one) { return one.traffic.packets; })},
    Row{"lbd_backend_bytes_total", "service, backend",
        "Bytes of clients' packets forwarded to a backend, from the IP header on, without outer headers",
        MetricType::Counter, sum_of([](const BackendStatus& one) { return one.traffic.bytes; })},
    Row{"lbd_backend_new_flows_total", "service, backend",
        "New flows: TCP and SCTP connections opened, and other flows added to the flow table", MetricType::Counter,
        sum_of([](const BackendStatus& one) { return one.traffic.new_flows; })},
    Row{"lbd_backend_flows", "service, backend, state",
        "Flows; state: live, or closing if the client sent FIN or RST and then nothing for ten "
        "seconds",
        MetricType::Gauge, OfBackends{add_flows}},
    Row{"lbd_backend_flows_estimated", "service, backend",
        "1 if lbd_backend_flows is estimated from a sample of the flows", MetricType::Gauge,
        sum_of([](const BackendStatus& one) { return one.traffic.flows.estimated; }, false)},
    Row{"lbd_backend_reachable", "service, backend", "1 if the next hop of a backend is known, otherwise 0",
        MetricType::Gauge, sum_of([](const BackendStatus& one) { return one.hop.has_value(); })},
    Row{"lbd_backend_path_mtu_bytes", "service, backend",
        "Path MTU to a backend, if a router reported one below the link's MTU", MetricType::Gauge,
        OfBackends{add_path_mtu, false}},
    Row{"lbd_backend_draining", "service, backend",
        "1 if a backend is drained: it keeps its flows and gets no new ones", MetricType::Gauge,
        sum_of([](const BackendStatus& one) {
            return one.backend.state == BackendState::drain || one.backend.state == BackendState::drained_sorry;
        })},
    Row{"lbd_backend_share_ratio", "service, backend", "Share of its service's new flows that a backend gets, 0 to 1",
        MetricType::Gauge, sum_of([](const BackendStatus& one) { return one.share; }, false)},
    Row{"lbd_backend_up", "service, backend",
        "1 if the health checks find a backend up, otherwise 0; absent before the first check", MetricType::Gauge,
        OfBackends{add_up}},
    Row{"lbd_backend_check_duration_seconds", "service, backend",
        "Health checks that were answered, and how long the answers took", MetricType::Summary,
        OfBackends{add_check_duration}},
    Row{"lbd_backend_check_failures_total", "service, backend", "Health checks that failed", MetricType::Counter,
        sum_of_checks([](const CheckStatus& check) { return check.counts.failed; })},
    Row{"lbd_backend_health_changes_total", "service, backend",
        "Changes of a backend from up to down or from down to up", MetricType::Counter,
        sum_of_checks([](const CheckStatus& check) { return check.counts.changes; })},
    Row{"lbd_dropped_packets_total", "reason", "Packets to a VIP that were not forwarded, by drop reason",
        MetricType::Counter,
        OfBalancer{[](auto& family, const Status& status) { add_named(family, "reason", status.drops, reasons); }}},
    Row{"lbd_events_total", "event", "Events of the data plane", MetricType::Counter,
        OfBalancer{[](auto& family, const Status& status) { add_named(family, "event", status.events, events); }}},
    Row{"lbd_packet_latency_seconds", "",
        "Time that the program needs for a packet that it forwards, measured for one packet in 1021",
        MetricType::Histogram, OfBalancer{add_latency}},
    Row{"lbd_flow_table_used_entries", "", "Entries of the flow table that are in use", MetricType::Gauge,
        OfBalancer{add_flows_used}},
    Row{"lbd_flow_table_part_entries", "",
        "Size of the part of the flow table that packets use, in entries: it grows with what is in it",
        MetricType::Gauge,
        OfBalancer{[](auto& family, const Status& status) { add(family, {}, status.flow_table.part); }}},
    Row{"lbd_flow_table_entries", "", "Size of the flow table in entries", MetricType::Gauge,
        OfBalancer{[](auto& family, const Status& status) { add(family, {}, status.flow_table.entries); }}},
    Row{"lbd_interface_up", "interface, xdp", "1 if a balanced interface is up and has a carrier, otherwise 0",
        MetricType::Gauge, OfBalancer{add_interfaces}},
    Row{"lbd_announced", "vip", "1 if the kernel has the route by which a VIP is announced, otherwise 0",
        MetricType::Gauge, OfBalancer{add_announced}},
    Row{"lbd_left", "", "1 after lbd leave, until lbd join; absent if nothing is to be announced", MetricType::Gauge,
        OfBalancer{add_left}},
    Row{"lbd_cluster_joined", "", "1 if every other balancer has said what it knows, or join_timeout is over",
        MetricType::Gauge, OfBalancer{add_joined}},
    Row{"lbd_cluster_refused_connections_total", "", "Connections to the port of the cluster that were refused",
        MetricType::Counter, OfBalancer{add_refused}},
    Row{"lbd_peer_up", "peer", "1 if another balancer is connected and has said what it knows, otherwise 0",
        MetricType::Gauge, of_peers([](const PeerStatus& peer) { return peer.state == PeerStatus::State::up; })},
    Row{"lbd_peer_connections_total", "peer", "Connections made with another balancer", MetricType::Counter,
        of_peers([](const PeerStatus& peer) { return peer.connections; })},
    Row{"lbd_peer_round_trip_seconds", "peer", "Time from a question to another balancer to its answer",
        MetricType::Gauge, OfBalancer{add_round_trip}},
    Row{"lbd_peer_records_total", "peer, direction",
        "Flow records and slots that another balancer has sent (in) or was sent (out)", MetricType::Counter,
        OfBalancer{add_records}},
    Row{"lbd_peer_lag_seconds", "peer", "How long the oldest message for another balancer has waited to be sent",
        MetricType::Gauge,
        of_peers([](const PeerStatus& peer) { return std::chrono::duration<double>(peer.lag).count(); })},
    Row{"lbd_peer_disagreements", "peer", "Lines of configuration and health that are different on another balancer",
        MetricType::Gauge, of_peers([](const PeerStatus& peer) { return peer.disagreements; })},
};

void add(const OfService& of, Detail /*detail*/, const ServiceStatus& service, MetricFamily& family) {
    of.add(family, service);
}

void add(const OfBackends& of, Detail detail, const ServiceStatus& service, MetricFamily& family) {
    if (detail == Detail::services) return of.add(family, {{"service", service.name}}, service.backends);
    for (const BackendStatus& one : service.backends)
        of.add(family, {{"service", service.name}, {"backend", one.backend.name}}, {&one, 1});
}

/// Adds metrics of services from `next` on, up to the size of a piece. `next` becomes the first service that is left.
template <typename Of>
void add_some(const Of& of, Detail detail, const Status& status, std::size_t& next, MetricFamily& family) {
    while (next < status.services.size() && family.metric.size() < metrics_a_piece)
        add(of, detail, status.services[next++], family);
}

/// Adds all of them.
void add_some(const OfBalancer& of, Detail /*detail*/, const Status& status, std::size_t& next, MetricFamily& family) {
    of.add(family, status);
    next = status.services.size();
}

/// Only the first piece of a family has the lines that describe it.
std::string serialized(const std::vector<MetricFamily>& piece, bool goes_on) {
    std::ostringstream stream;
    prometheus::TextSerializer().Serialize(stream, piece);
    std::string text = std::move(stream).str();
    while (goes_on && text.starts_with('#')) text.erase(0, text.find('\n') + 1);
    return text;
}

bool is_wanted(const Row& row, Detail detail) {
    const auto* const of = std::get_if<OfBackends>(&row.of);
    return of == nullptr || of->adds_up || detail == Detail::backends;
}

std::string_view name(MetricType type) {
    switch (type) {
        case MetricType::Counter:
            return "counter";
        case MetricType::Gauge:
            return "gauge";
        case MetricType::Summary:
            return "summary";
        default:
            return "histogram";
    }
}

}  // namespace

std::vector<MetricInfo> metric_table() {
    std::vector<MetricInfo> table;
    for (const Row& row : families)
        table.push_back({.name = row.name,
                         .type = name(row.type),
                         .labels = row.labels,
                         .help = row.help,
                         .of_service = is_wanted(row, Detail::services)});
    return table;
}

Exposition::Exposition(Status status, Detail detail) : status_(std::move(status)), detail_(detail) {}

std::string Exposition::next() {
    std::string text;
    while (text.empty() && family_ < families.size()) {
        const Row& row = families.at(family_);
        if (!is_wanted(row, detail_)) {
            ++family_;
            continue;
        }
        const bool goes_on = service_ > 0;
        std::vector<MetricFamily> piece;
        piece.push_back({.name = row.name, .help = row.help, .type = row.type, .metric = {}});
        std::visit([&](const auto& of) { add_some(of, detail_, status_, service_, piece[0]); }, row.of);
        text = serialized(piece, goes_on);
        if (service_ < status_.services.size()) continue;
        ++family_;
        service_ = 0;
    }
    return text;
}

}  // namespace culvert::lbd
