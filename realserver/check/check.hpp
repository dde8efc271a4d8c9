// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "realserver/check/environment.hpp"
#include "realserver/check/finding.hpp"
#include "realserver/model/desired.hpp"
#include "realserver/model/record.hpp"
#include "realserver/model/state.hpp"
#include "realserver/plan/plan.hpp"

/// `realserver check`: what keeps a host from working as the backend that is wanted.
namespace culvert::realserver {

[[nodiscard]] Diagnosis check(const Desired& desired, const Observed& observed, const Record& record,
                              const Environment& environment);

/// All that a diagnosis is made of.
struct Patient {
    const Desired& desired;
    const Config& config;  ///< of `desired`
    const Plan& planned;
    const Observed& observed;
    const Record& record;
    const Environment& environment;
};

/// Apply has set the sysctl to this value: if it has another, somebody else was there since.
[[nodiscard]] bool was_set(const Sysctl& wanted, const Record& record);

/// Plan can't set it, and that is what there is to say of it.
[[nodiscard]] bool has_conflict(const Patient& patient, const Key& key);

// Its parts.
void check_settings(const Patient& patient, Diagnosis& diagnosis);  ///< what plan would change
void check_vrf(const Patient& patient, Diagnosis& diagnosis);       ///< packets come in beside the host's own routes
void check_input(const Patient& patient, Diagnosis& diagnosis);     ///< rp_filter and IPv6 where packets come in
void check_others(const Patient& patient, Diagnosis& diagnosis);    ///< tunnel devices of others
void check_answers(const Patient& patient, Diagnosis& diagnosis);   ///< VIPs in ARP and neighbour discovery
void check_routes(const Patient& patient, Diagnosis& diagnosis);    ///< ways back, MTUs
void check_reach(const Patient& patient, Diagnosis& diagnosis);     ///< whether packets get here, and answers away
void check_service(const Patient& patient, Diagnosis& diagnosis);   ///< somebody listens
void check_firewall(const Patient& patient, Diagnosis& diagnosis);  ///< rules of others
void check_legacy(const Patient& patient, Diagnosis& diagnosis);    ///< rules of iptables-legacy

/// in_order (bool), checked (a number), findings []: name, cause, evidence [], cure (commands), advice; not_judged []:
/// what, reason.
[[nodiscard]] nlohmann::ordered_json to_json(const Diagnosis& diagnosis);
[[nodiscard]] std::string to_text(const Diagnosis& diagnosis, bool colored);

}  // namespace culvert::realserver
