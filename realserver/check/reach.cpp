// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>

#include "common/protocol.hpp"
#include "realserver/check/arrivals.hpp"
#include "realserver/check/check.hpp"

/// Finds faults between this host and its neighbours: packets that can't arrive, and answers that can't leave.
namespace culvert::realserver {

namespace {

using netlink::SysctlKey;

/// ip-sysctl.rst: with arp_ignore 8 the host answers for none of its addresses.
constexpr long deaf_to_arp = 8;

bool is_found(const Diagnosis& diagnosis, const FindingName& name) {
    return std::ranges::find(diagnosis.findings, name, &Finding::name) != diagnosis.findings.end();
}

/// The devices at which packets arrive or answers leave, without our tunnels.
std::set<std::string> links_of(const Patient& patient) {
    std::set<std::string> links(patient.config.interfaces.begin(), patient.config.interfaces.end());
    for (const auto& [balancer, way] : patient.environment.balancers) links.insert(way.device);
    for (const Environment::Answer& answer : patient.environment.answers)
        if (answer.way) links.insert(answer.way->device);
    return links;
}

void check_links(const Patient& patient, Diagnosis& diagnosis) {
    for (const std::string& name : links_of(patient)) {
        const auto known = patient.environment.devices.find(name);
        if (known == patient.environment.devices.end()) continue;
        const Environment::Device& device = known->second;
        diagnosis.require(device.carrier,
                          {.name = "no_carrier",
                           .cause = fmt::format("{}, at which packets arrive or answers leave, has no carrier", name),
                           .evidence = {fmt::format("ip link show {}: {}", name, device.up ? "NO-CARRIER" : "no UP")},
                           .advice = fmt::format("connect {}: its cable, its members, or the other end", name)});
        diagnosis.require(device.arp, {.name = "answers_no_arp",
                                       .cause = fmt::format(
                                           "{} answers no ARP requests, so nobody can send packets to this host", name),
                                       .evidence = {fmt::format("ip link show {}: NOARP", name)},
                                       .cure = {fmt::format("ip link set {} arp on", name)}});
        const SysctlKey all = SysctlKey::arp_ignore("all");
        const auto item = find(patient.observed.state, {Kind::sysctl, all.to_string()});
        const bool deaf = item && std::get<Sysctl>(*item).value == deaf_to_arp;
        diagnosis.require(
            !deaf && device.arp_ignore != deaf_to_arp,
            {.name = "answers_no_arp",
             .cause = fmt::format("{} answers no ARP requests, so nobody can send packets to this host", name),
             .evidence = {fmt::format("{} = {}", (deaf ? all : SysctlKey::arp_ignore(name)).to_string(), deaf_to_arp)},
             .cure = {fmt::format("sysctl -w {}=1", (deaf ? all : SysctlKey::arp_ignore(name)).to_string())}});
    }
}

/// Whether the rule drops whatever comes.
bool drops_all(const FirewallRule& rule) {
    bool drops = false;
    for (const auto& statement : rule.statements) {
        drops |= statement.contains("drop");
        if (!statement.contains("drop") && !statement.contains("counter") && !statement.contains("log")) return false;
    }
    return drops;
}

/// Rules for single addresses are left alone: arptables keeps VIPs quiet with such rules.
void check_arp_rules(const Patient& patient, Diagnosis& diagnosis) {
    for (const FirewallChain& chain : patient.environment.firewall.chains) {
        if (chain.family != "arp" || chain.hook.empty()) continue;
        Finding finding{.name = "arp_filtered",
                        .cause = fmt::format("a rule drops all ARP packets ({})", chain.hook),
                        .evidence = {}};
        const auto& rules = chain.rules;
        if (!rules.empty() && drops_all(rules.front())) {
            finding.evidence = {fmt::format("{}: {}", chain.to_string(), rules.front().text)};
            finding.cure = {fmt::format("nft delete rule {} handle {}", chain.to_string(), rules.front().handle)};
        } else if (rules.empty() && chain.drops) {
            finding.evidence = {fmt::format("{}: policy drop", chain.to_string())};
            finding.cure = {fmt::format("nft 'chain {} {{ policy accept; }}'", chain.to_string())};
        }
        diagnosis.require(finding.cure.empty(), finding);
    }
}

void check_gateways(const Patient& patient, Diagnosis& diagnosis) {
    std::set<IpAddress> silent;
    for (const Environment::Answer& answer : patient.environment.answers)
        if (answer.way && answer.way->gateway && patient.environment.silent.contains(*answer.way->gateway))
            silent.insert(*answer.way->gateway);
    ++diagnosis.checked;
    for (const IpAddress& gateway : silent)
        diagnosis.findings.push_back(
            {.name = "gateway_silent",
             .cause = fmt::format("answers go through the gateway {}, which does not respond", gateway.to_string()),
             .evidence = {fmt::format("ip neigh show {}: FAILED", gateway.to_string())},
             .advice = "check that it is up, and that ip route names the right router"});
}

/// Reports requests that the kernel refuses, if no other finding explains it.
void check_requests(const Patient& patient, Diagnosis& diagnosis) {
    ++diagnosis.checked;
    if (is_found(diagnosis, "rp_filter_drops") || is_found(diagnosis, "ipv6_disabled")) {
        diagnosis.not_judged.push_back(
            {"whether routing rules refuse requests", "the kernel drops them earlier, as another finding tells"});
        return;
    }
    Finding finding{.name = "request_refused", .cause = {}, .evidence = {}};
    std::set<std::string> vips;
    std::set<std::string> devices;
    for (const auto& [vip, client, device, answer, protocol, port] : patient.environment.refused) {
        vips.insert(vip.to_string());
        devices.insert(device);
        const std::string service =
            protocol == 0 ? "" : fmt::format(" ipproto {} dport {}", common::protocol_name(protocol), port);
        finding.evidence.push_back(fmt::format("ip route get {} from {} iif {}{}: {}", vip.to_string(),
                                               client.to_string(), device, service, answer));
        const std::string command = fmt::format("ip -{} rule add pref 0 lookup local", vip.is_v4() ? 4 : 6);
        if (std::ranges::find(finding.cure, command) == finding.cure.end()) finding.cure.push_back(command);
    }
    if (vips.empty()) return;
    finding.cause = fmt::format(
        "packets to {} that arrive at {} are not accepted as this host's own: a rule precedes the lookup of its "
        "addresses",
        fmt::join(vips, ", "), fmt::join(devices, ", "));
    diagnosis.findings.push_back(std::move(finding));
}

}  // namespace

void check_reach(const Patient& patient, Diagnosis& diagnosis) {
    check_links(patient, diagnosis);
    check_arp_rules(patient, diagnosis);
    check_gateways(patient, diagnosis);
    check_requests(patient, diagnosis);
}

}  // namespace culvert::realserver
