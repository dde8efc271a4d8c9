// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "bpf/decap_abi.h"
#include "docs/reference/generator/page.hpp"
#include "lbd/metrics/metrics.hpp"
#include "lbd/model/reasons.hpp"
#include "realserver/guard/guard.hpp"

namespace culvert::reference {
namespace {

struct Named {
    std::string_view name;
    std::string_view text;
};

constexpr std::array decap_reasons{
#define CULVERT_REASON(identifier, name, text) Named{name, text},
    DECAP_REASONS(CULVERT_REASON)
#undef CULVERT_REASON
};

std::string_view name_of(const auto& row) { return row.name; }
std::string_view name_of(const realserver::Reason& reason) { return reason.chain; }

template <typename Rows>
Table named(std::string title, std::string intro, std::string column, const Rows& rows) {
    Table table{
        .title = std::move(title), .intro = std::move(intro), .columns = {std::move(column), "Meaning"}, .rows = {}};
    for (const auto& row : rows) table.rows.push_back({std::string(name_of(row)), std::string(row.text)});
    return table;
}

}  // namespace

Page lbd_drop_reasons() {
    return {.name = "lbd-drop-reasons",
            .title = "lbd: drop reasons and events",
            .intro = "lbd show counters, lbd explain, lbd capture and the metrics use these names.",
            .tables = {named("Drop reasons",
                             "Each packet to a VIP that lbd does not forward is counted for exactly one reason.",
                             "Reason", lbd::reasons),
                       named("Events", "What else the data plane counts.", "Event", lbd::events)}};
}

Page realserver_drop_reasons() {
    return {
        .name = "realserver-drop-reasons",
        .title = "realserver: drop reasons",
        .intro = "realserver status and realserver trace use these names.",
        .tables = {
            named("The guard",
                  "Where the kernel's tunnel devices decapsulate packets, the guard drops (guard: strict) or only "
                  "counts (guard: log) packets for these reasons.",
                  "Reason", realserver::reasons),
            named("The XDP program",
                  "Where an XDP program decapsulates packets, each packet to a tunnel that it does not decapsulate is "
                  "counted for exactly one reason.",
                  "Reason", decap_reasons)}};
}

Page lbd_metrics() {
    Table table{.title = "", .intro = "", .columns = {"Metric", "Type", "Labels", "by=service", "Meaning"}, .rows = {}};
    for (const lbd::MetricInfo& metric : lbd::metric_table())
        table.rows.push_back({std::string(metric.name), std::string(metric.type), std::string(metric.labels),
                              metric.of_service ? "yes" : "no", std::string(metric.help)});
    return {.name = "lbd-metrics",
            .title = "lbd: metrics",
            .intro =
                "lbd run serves these at http://127.0.0.1:9477/metrics, or where metrics: of lbd.yaml says, in the "
                "text format of Prometheus. /metrics?by=service has the sums over each service's backends, without "
                "the label backend; metrics that do not add up are left out.",
            .tables = {std::move(table)}};
}

}  // namespace culvert::reference
