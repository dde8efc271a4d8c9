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

/// `realserver check`: finds what keeps this host from working as the desired backend.
namespace culvert::realserver {

[[nodiscard]] Diagnosis check(const Desired& desired, const Observed& observed, const Record& record,
                              const Environment& environment);

/// The input of all checks.
struct Patient {
    const Desired& desired;
    const Config& config;  ///< in `desired`
    const Plan& planned;
    const Observed& observed;
    const Record& record;
    const Environment& environment;
};

/// Whether apply has set the sysctl to this value: another value then shows that somebody changed it since.
[[nodiscard]] bool was_set(const Sysctl& wanted, const Record& record);

/// Whether the plan has a conflict for the setting, which is then the only thing to report about it.
[[nodiscard]] bool has_conflict(const Patient& patient, const Key& key);

// The checks, one for each topic:
void check_settings(const Patient& patient, Diagnosis& diagnosis);  ///< changes that plan would make
void check_vrf(const Patient& patient, Diagnosis& diagnosis);       ///< packets that arrive in a VRF
void check_input(const Patient& patient, Diagnosis& diagnosis);     ///< rp_filter and IPv6 where packets arrive
void check_others(const Patient& patient, Diagnosis& diagnosis);    ///< foreign tunnel devices
void check_answers(const Patient& patient, Diagnosis& diagnosis);   ///< VIPs in ARP and neighbour discovery
void check_routes(const Patient& patient, Diagnosis& diagnosis);    ///< routes back, MTUs
void check_reach(const Patient& patient, Diagnosis& diagnosis);     ///< whether packets arrive, and answers can leave
void check_service(const Patient& patient, Diagnosis& diagnosis);   ///< whether somebody listens
void check_firewall(const Patient& patient, Diagnosis& diagnosis);  ///< foreign nftables rules
void check_ipsec(const Patient& patient, Diagnosis& diagnosis);     ///< policies that drop packets
void check_legacy(const Patient& patient, Diagnosis& diagnosis);    ///< rules of iptables-legacy

/// in_order (bool), checked (a number), findings []: name, cause, evidence [], cure (commands), advice; not_judged []:
/// what, reason.
[[nodiscard]] nlohmann::ordered_json to_json(const Diagnosis& diagnosis);
[[nodiscard]] std::string to_text(const Diagnosis& diagnosis, bool colored);

}  // namespace culvert::realserver
