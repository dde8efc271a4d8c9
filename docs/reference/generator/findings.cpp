// SPDX-License-Identifier: Apache-2.0
#include "docs/reference/generator/page.hpp"
#include "lbd/model/cure.hpp"
#include "lbd/model/log_events.hpp"
#include "realserver/check/finding.hpp"
#include "realserver/run/log_events.hpp"

namespace culvert::reference {
namespace {

template <typename Events>
Page log_events(std::string program, std::string intro, const Events& events) {
    Table table{.title = "", .intro = "", .columns = {"CULVERT_EVENT", "Other fields", "Meaning"}, .rows = {}};
    for (const common::LogEvent& event : events)
        table.rows.push_back({std::string(event.name), std::string(event.fields), std::string(event.text)});
    return {.name = program + "-log-events",
            .title = program + ": log events",
            .intro = std::move(intro),
            .tables = {std::move(table)}};
}

}  // namespace

Page lbd_findings() {
    Table table{.title = "", .intro = "", .columns = {"Name", "Cause", "Cure"}, .rows = {}, .described_by = 1};
    for (const lbd::Cure& one : lbd::cures)
        table.rows.push_back({std::string(one.of), std::string(one.cause), std::string(one.text)});
    return {.name = "lbd-findings",
            .title = "lbd: what it refuses or warns of, and the cure",
            .intro =
                "lbd run, lbd run --check and other commands print the cause with the kernel's own words, and the "
                "cure. {} stands for what it is about. Errors in the configuration are not in this list: lbd check "
                "prints each one as file:line:column: what is wrong, what would be right.",
            .tables = {std::move(table)}};
}

Page realserver_findings() {
    Table table{.title = "", .intro = "", .columns = {"Finding", "Cause", "Cure"}, .rows = {}, .described_by = 1};
    for (const auto& one : realserver::finding_kinds)
        table.rows.push_back({std::string(one.name), std::string(one.cause), std::string(one.cure)});
    return {.name = "realserver-findings",
            .title = "realserver check: findings",
            .intro =
                "Each finding comes with its evidence and with a cure for this host: a line for a shell, or advice "
                "for a person. Words in capitals stand for what the finding names.",
            .tables = {std::move(table)}};
}

Page lbd_log_events() {
    return log_events(
        "lbd",
        "Where standard error is the journal, lines have these fields, each with CULVERT_ before its name: "
        "journalctl CULVERT_EVENT=backend_down. Of each event at most twenty lines are written at once, and "
        "six per minute; a later line says how many were left out, in the field COUNT.",
        lbd::log_events);
}

Page realserver_log_events() {
    return log_events(
        "realserver",
        "Where standard error of realserver monitor is the journal, lines have these fields, each with "
        "CULVERT_ before its name: journalctl CULVERT_EVENT=repaired. OBJECT is a setting, CHANGE what was "
        "or is to be done, as realserver plan prints it.",
        realserver::log_events);
}

}  // namespace culvert::reference
