// SPDX-License-Identifier: Apache-2.0
#include "lbd/metrics/metrics.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <utility>

#include "lbd/reasons.hpp"
#include "lbd/show/show.hpp"

namespace culvert::lbd {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<prometheus::ClientMetric::Label>;

MetricFamily counter(std::string name, std::string help) {
    return {.name = std::move(name), .help = std::move(help), .type = MetricType::Counter};
}
MetricFamily gauge(std::string name, std::string help) {
    return {.name = std::move(name), .help = std::move(help), .type = MetricType::Gauge};
}

void add(MetricFamily& family, Labels labels, double value) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    if (family.type == MetricType::Counter)
        metric.counter.value = value;
    else
        metric.gauge.value = value;
    family.metric.push_back(std::move(metric));
}

void add(MetricFamily& family, Labels labels, std::uint64_t value) {
    add(family, std::move(labels), static_cast<double>(value));
}

void add(MetricFamily& family, Labels labels, bool value) { add(family, std::move(labels), value ? 1.0 : 0.0); }

std::vector<std::string> texts(const std::vector<PortSpec>& ports) {
    std::vector<std::string> texts;
    for (const PortSpec& port : ports) texts.push_back(to_string(port));
    return texts;
}

MetricFamily build() {
    auto info = gauge("lbd_build_info", "The running version; always 1");
    add(info, {{"version", CULVERT_VERSION}}, true);
    return info;
}

MetricFamily last_reload(const Status& status) {
    auto family =
        gauge("lbd_config_last_reload_successful",
              "Whether the configuration was taken up when that was last wanted; if not, the former is in force");
    add(family, {}, status.reloads.last_done);
    return family;
}

MetricFamily reloads(const Status& status) {
    auto family = counter("lbd_config_reloads_total", "Times that the configuration was to be taken up anew");
    add(family, {{"result", "done"}}, status.reloads.done);
    add(family, {{"result", "failed"}}, status.reloads.failed);
    return family;
}

MetricFamily services(const Status& status) {
    auto info = gauge("lbd_service_info", "What a service is; always 1");
    for (const ServiceStatus& service : status.services)
        add(info,
            {{"service", service.name},
             {"vip", service.vip.to_string()},
             {"ports", fmt::format("{}", fmt::join(texts(service.ports), " "))}},
            true);
    return info;
}

/// Of a backend of a service, labels `service` and `backend`.
template <typename Value>
MetricFamily of_backends(MetricFamily family, const Status& status, Value value) {
    for (const ServiceStatus& service : status.services)
        for (const BackendStatus& backend : service.backends)
            add(family, {{"service", service.name}, {"backend", backend.backend.name}}, value(backend));
    return family;
}

/// The same of those that are checked.
template <typename Add>
MetricFamily of_checks(MetricFamily family, const Status& status, Add add_check) {
    for (const ServiceStatus& service : status.services)
        for (const BackendStatus& backend : service.backends)
            if (backend.check)
                add_check(family, Labels{{"service", service.name}, {"backend", backend.backend.name}}, *backend.check);
    return family;
}

MetricFamily health(const Status& status) {
    return of_checks(gauge("lbd_backend_up", "Whether checks find a backend up; from the first one on"), status,
                     [](MetricFamily& family, Labels labels, const CheckStatus& check) {
                         if (check.condition != Condition::unknown)
                             add(family, std::move(labels), check.condition == Condition::up);
                     });
}

/// No quantiles: sum and count, from which an average over any time follows.
MetricFamily check_duration(const Status& status) {
    MetricFamily family{.name = "lbd_backend_check_duration_seconds",
                        .help = "Health checks that were answered, and how long that took",
                        .type = MetricType::Summary};
    return of_checks(std::move(family), status, [](MetricFamily& all, Labels labels, const CheckStatus& check) {
        prometheus::ClientMetric metric;
        metric.label = std::move(labels);
        metric.summary.sample_count = check.counts.answered;
        metric.summary.sample_sum = std::chrono::duration<double>(check.counts.spent).count();
        all.metric.push_back(std::move(metric));
    });
}

MetricFamily check_failures(const Status& status) {
    return of_checks(counter("lbd_backend_check_failures_total", "Health checks without the right answer in time"),
                     status, [](MetricFamily& family, Labels labels, const CheckStatus& check) {
                         add(family, std::move(labels), check.counts.failed);
                     });
}

MetricFamily health_changes(const Status& status) {
    return of_checks(
        counter("lbd_backend_health_changes_total", "Times that a backend that was up is down, or the other way round"),
        status, [](MetricFamily& family, Labels labels, const CheckStatus& check) {
            add(family, std::move(labels), check.counts.changes);
        });
}

MetricFamily flows(const Status& status) {
    auto family = gauge("lbd_backend_flows", "Flows in the flow table; closing: their client sent FIN or RST");
    for (const ServiceStatus& service : status.services)
        for (const BackendStatus& backend : service.backends) {
            const auto of_state = [&](const char* state, std::uint64_t count) {
                add(family, {{"service", service.name}, {"backend", backend.backend.name}, {"state", state}}, count);
            };
            of_state("live", backend.traffic.flows.live);
            of_state("closing", backend.traffic.flows.closing);
        }
    return family;
}

template <typename Counts, typename Names>
MetricFamily by_name(MetricFamily family, const char* label, const Counts& counts, const Names& names) {
    for (std::size_t i = 0; i < counts.size(); ++i) add(family, {{label, std::string(names[i].name)}}, counts[i]);
    return family;
}

MetricFamily latency(const Status& status) {
    constexpr double nanosecond = 1e-9;
    MetricFamily family{.name = "lbd_packet_latency_seconds",
                        .help = "Time that the program takes for a packet that it sends on, of one in a thousand",
                        .type = MetricType::Histogram};
    if (!status.latency) return family;
    auto& histogram = family.metric.emplace_back().histogram;
    histogram.sample_sum = static_cast<double>(status.latency->sum) * nanosecond;
    for (std::size_t i = 0; i < status.latency->counts.size(); ++i) {
        histogram.sample_count += status.latency->counts.at(i);
        if (const auto bound = Latency::bound(i))
            histogram.bucket.push_back(
                {.cumulative_count = histogram.sample_count, .upper_bound = static_cast<double>(*bound) * nanosecond});
    }
    return family;
}

MetricFamily flow_table_used(const Status& status) {
    std::uint64_t used = 0;
    for (const ServiceStatus& service : status.services) {
        const FlowCount flows = service.traffic().flows;
        used += flows.live + flows.closing;
    }
    auto family = gauge("lbd_flow_table_used_entries", "Entries of the flow table that a flow has");
    add(family, {}, used);
    return family;
}

MetricFamily flow_table_size(const Status& status) {
    auto family = gauge("lbd_flow_table_entries", "Entries that the flow table has room for");
    add(family, {}, status.flow_table.entries);
    return family;
}

MetricFamily interfaces(const Status& status) {
    auto family = gauge("lbd_interface_up", "Whether an interface that is balanced on is up and has a carrier");
    for (const InterfaceStatus& interface : status.interfaces) {
        if (!interface.is_balanced_on()) continue;
        const char* mode = !interface.mode ? "none" : interface.mode == XdpMode::generic ? "generic" : "native";
        add(family, {{"interface", interface.name}, {"xdp", mode}},
            interface.mode && interface.link && interface.link->is_up() && interface.link->has_carrier());
    }
    return family;
}

}  // namespace

std::vector<MetricFamily> metrics(const Status& status) {
    return {
        build(),
        reloads(status),
        last_reload(status),
        services(status),
        of_backends(counter("lbd_backend_packets_total", "Clients' packets forwarded to a backend"), status,
                    [](const BackendStatus& one) { return one.traffic.packets; }),
        of_backends(counter("lbd_backend_bytes_total", "The same in bytes, IP header included, outer headers not"),
                    status, [](const BackendStatus& one) { return one.traffic.bytes; }),
        of_backends(counter("lbd_backend_new_flows_total", "Flows entered into the flow table"), status,
                    [](const BackendStatus& one) { return one.traffic.new_flows; }),
        flows(status),
        of_backends(gauge("lbd_backend_reachable", "Whether the next hop of a backend is known"), status,
                    [](const BackendStatus& one) { return one.hop.has_value(); }),
        of_backends(gauge("lbd_backend_draining", "Whether a backend keeps its flows and gets no new ones"), status,
                    [](const BackendStatus& one) { return one.backend.state == BackendState::drain; }),
        of_backends(gauge("lbd_backend_share_ratio", "The part of its service's new flows that a backend gets"), status,
                    [](const BackendStatus& one) { return one.share; }),
        health(status),
        check_duration(status),
        check_failures(status),
        health_changes(status),
        by_name(counter("lbd_dropped_packets_total", "Packets to a VIP that were not forwarded, by their one reason"),
                "reason", status.drops, reasons),
        by_name(counter("lbd_events_total", "What else the data plane counts"), "event", status.events, events),
        latency(status),
        flow_table_used(status),
        flow_table_size(status),
        interfaces(status),
    };
}

std::string exposition(const std::vector<MetricFamily>& families) {
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, families);
    return std::move(text).str();
}

}  // namespace culvert::lbd
