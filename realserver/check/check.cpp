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
    diagnosis.not_judged = environment.not_judged;
    check_settings(patient, diagnosis);
    check_vrf(patient, diagnosis);
    if (has_vrf(diagnosis)) {
        diagnosis.not_judged.push_back({"how packets arrive, answers, services, and rules of others",
                                        "a device is in a VRF, which has routes and sockets of its own"});
        return diagnosis;
    }
    check_input(patient, diagnosis);
    check_others(patient, diagnosis);
    check_answers(patient, diagnosis);
    check_routes(patient, diagnosis);
    check_reach(patient, diagnosis);
    check_service(patient, diagnosis);
    check_firewall(patient, diagnosis);
    check_ipsec(patient, diagnosis);
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
    auto not_judged = nlohmann::ordered_json::array();
    for (const auto& [what, reason] : diagnosis.not_judged) not_judged.push_back({{"what", what}, {"reason", reason}});
    return {{"in_order", diagnosis.findings.empty()},
            {"checked", diagnosis.checked},
            {"findings", std::move(findings)},
            {"not_judged", std::move(not_judged)}};
}

std::string to_text(const Diagnosis& diagnosis, bool colored) {
    std::string text;
    if (diagnosis.findings.empty()) text = fmt::format("in order: {} preconditions checked\n", diagnosis.checked);
    for (const Finding& finding : diagnosis.findings) {
        text += fmt::format("{}  {}\n", common::paint(finding.name.text, Color::red, colored), finding.cause);
        for (const std::string& seen : finding.evidence) text += fmt::format("  evidence: {}\n", seen);
        if (!finding.cure.empty())
            text += fmt::format("  cure: {}\n", common::paint(finding.command(), Color::bold, colored));
        if (!finding.advice.empty())
            text += fmt::format("  {}: {}\n", finding.cure.empty() ? "advice" : "or", finding.advice);
    }
    for (const auto& [what, reason] : diagnosis.not_judged)
        text += fmt::format("{}  {}: {}\n", common::paint("not_judged", Color::yellow, colored), what, reason);
    return text;
}

}  // namespace culvert::realserver
