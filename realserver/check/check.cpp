// SPDX-License-Identifier: Apache-2.0
#include "realserver/check/check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/terminal.hpp"

namespace culvert::realserver {

using common::Color;

namespace {

bool has_vrf(const Diagnosis& diagnosis) {
    return std::ranges::any_of(diagnosis.findings, [](const Finding& one) { return one.name == "device_in_vrf"; });
}

}  // namespace

Diagnosis check(const Desired& desired, const Observed& observed, const Record& record,
                const Environment& environment) {
    const Plan planned = plan(desired, observed, record);
    const Patient patient{desired, desired.config, planned, observed, record, environment};
    Diagnosis diagnosis;
    check_settings(patient, diagnosis);
    check_vrf(patient, diagnosis);
    if (has_vrf(diagnosis)) return diagnosis;  // the routes that are asked for below are none of its
    check_input(patient, diagnosis);
    check_others(patient, diagnosis);
    check_answers(patient, diagnosis);
    check_routes(patient, diagnosis);
    check_reach(patient, diagnosis);
    check_service(patient, diagnosis);
    check_firewall(patient, diagnosis);
    check_legacy(patient, diagnosis);
    return diagnosis;
}

nlohmann::ordered_json to_json(const Diagnosis& diagnosis) {
    auto findings = nlohmann::ordered_json::array();
    for (const Finding& finding : diagnosis.findings)
        findings.push_back({{"name", finding.name.text},
                            {"cause", finding.cause},
                            {"evidence", finding.evidence},
                            {"cure", finding.command()},
                            {"advice", finding.advice}});
    return {
        {"in_order", diagnosis.findings.empty()}, {"checked", diagnosis.checked}, {"findings", std::move(findings)}};
}

std::string to_text(const Diagnosis& diagnosis, bool colored) {
    if (diagnosis.findings.empty()) return fmt::format("in order: {} preconditions checked\n", diagnosis.checked);
    std::string text;
    for (const Finding& finding : diagnosis.findings) {
        text += fmt::format("{}  {}\n", common::paint(finding.name.text, Color::red, colored), finding.cause);
        for (const std::string& seen : finding.evidence) text += fmt::format("  evidence: {}\n", seen);
        if (!finding.cure.empty())
            text += fmt::format("  cure: {}\n", common::paint(finding.command(), Color::bold, colored));
        if (!finding.advice.empty())
            text += fmt::format("  {}: {}\n", finding.cure.empty() ? "advice" : "or", finding.advice);
    }
    return text;
}

}  // namespace culvert::realserver
