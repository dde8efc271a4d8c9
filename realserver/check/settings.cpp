// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "netlink/modules.hpp"
#include "realserver/check/check.hpp"
#include "realserver/desired/decide.hpp"
#include "realserver/plan/wanted.hpp"

namespace culvert::realserver {

namespace {

using netlink::FouPort;
using netlink::SysctlKey;

const std::string apply = "realserver apply";

std::string words(const std::optional<Item>& item) { return item ? value(*item) : "absent"; }

/// Turns the changes of a plan into findings.
class Settings {
  public:
    Settings(const Patient& patient, Diagnosis& diagnosis)
        : patient_(patient),
          found_(patient.observed.state),
          wanted_(want(patient.desired, found_, patient.record)),
          diagnosis_(diagnosis) {}

    void examine() {
        diagnosis_.checked += wanted_.size();
        const Plan& planned = patient_.planned;
        judge_programs();
        for (const netlink::Error& conflict : planned.conflicts)
            if (!unread_.contains(conflict.object)) report(finding(conflict));
        for (const Change& change : planned.changes) {
            const std::string object = change.key().to_string();
            if (std::ranges::find(planned.conflicts, object, &netlink::Error::object) != planned.conflicts.end())
                continue;
            if (change.key().kind == Kind::decap && undecided(patient_.desired)) continue;  // the conflict is reported
            if (auto found = finding(change)) report(*std::move(found));
        }
    }

  private:
    void report(Finding finding) { diagnosis_.findings.push_back(std::move(finding)); }

    /// An XDP program that cannot be read may be the wanted one.
    void judge_programs() {
        for (const auto& [key, item] : wanted_) {
            const auto there = find(found_, key);
            const auto* decap = there ? std::get_if<Decap>(&*there) : nullptr;
            if (decap == nullptr || !decap->unread) continue;
            unread_.insert(key.to_string());
            diagnosis_.not_judged.push_back(
                {fmt::format("the XDP program of {}", decap->device), decap->unread->message()});
            --diagnosis_.checked;
        }
    }

    [[nodiscard]] bool has(Kind kind, std::string_view name) const {
        return found_.contains({kind, std::string(name)});
    }

    /// The finding for a conflict of the plan.
    static Finding finding(const netlink::Error& conflict) {
        if (conflict.code == ENODEV) {
            Finding absent{
                .name = "fallback_device_absent",
                .cause = fmt::format("{}, which should decapsulate packets, does not exist in this network namespace",
                                     conflict.object),
                .evidence = {conflict.kernel}};
            if (conflict.cure.starts_with("ip "))
                absent.cure = {conflict.cure, apply};
            else
                absent.advice = conflict.cure;
            return absent;
        }
        if (conflict.code == ENETUNREACH)
            return {.name = "no_device_for_xdp",
                    .cause = fmt::format("{} cannot be chosen", conflict.object),
                    .evidence = {conflict.kernel},
                    .advice = conflict.cure};
        if (conflict.code == EADDRNOTAVAIL)
            return {.name = "vip_takes_others",
                    .cause = fmt::format("{} cannot be an address of this host", conflict.object),
                    .evidence = {conflict.kernel},
                    .advice = conflict.cure + "; then " + apply};
        if (conflict.code == EPROTONOSUPPORT)
            return with_cure_of(conflict, {.name = "nf_tables_missing",
                                           .cause = conflict.object + " cannot be made",
                                           .evidence = {conflict.kernel}});
        return with_cure_of(
            conflict, {.name = conflict.code == EADDRINUSE ? FindingName("port_taken") : FindingName("device_taken"),
                       .cause = conflict.object + " is taken",
                       .evidence = {conflict.kernel}});
    }

    /// The conflict's cure is a command, optionally followed by ", or" and an advice.
    static Finding with_cure_of(const netlink::Error& conflict, Finding finding) {
        constexpr std::string_view otherwise = ", or ";
        const auto end = conflict.cure.find(otherwise);
        finding.cure = {conflict.cure.substr(0, end), apply};
        if (end != std::string::npos) finding.advice = conflict.cure.substr(end + otherwise.size());
        return finding;
    }

    std::optional<Finding> finding(const Change& change) const {
        const Key key = change.key();
        if (!wanted_.contains(key)) return left_over(key, change);
        if (!change.after || change.before == change.after) return std::nullopt;
        return std::visit([&](const auto& item) { return differs(key, item); }, *change.after);
    }

    static Finding left_over(const Key& key, const Change& change) {
        return {.name = "left_over",
                .cause = fmt::format("apply set {}, which the configuration no longer asks for", key.to_string()),
                .evidence = {fmt::format("plan: {}", change.to_string())},
                .cure = {apply}};
    }

    [[nodiscard]] std::optional<Finding> differs(const Key&, const Module& module) const {
        if (!patient_.observed.around.absent_modules.contains(module.name)) {
            Finding finding{.name = "module_not_loaded",
                            .cause = fmt::format("module {} is not loaded", module.name),
                            .evidence = {fmt::format("/lib/modules has {}, /sys/module does not", module.name)},
                            .cure = {"modprobe " + module.name, apply}};
            const auto& hindrances = patient_.environment.hindrances;
            if (const auto known = hindrances.find(module.name); known != hindrances.end()) {
                finding.cure.clear();
                finding.advice = known->second + "; then " + apply;
            }
            return finding;
        }
        return Finding{
            .name = "module_missing",
            .cause = fmt::format("this kernel has no module {}", module.name),
            .evidence = {fmt::format("neither /lib/modules nor /sys/module has {}", module.name)},
            .advice = "write via: xdp, then realserver apply; or: " + netlink::absent_module_cure(module.name)};
    }

    [[nodiscard]] std::optional<Finding> differs(const Key& key, const Device& device) const {
        if (!has(Kind::module, netlink::module_of(device.parameters))) return std::nullopt;
        const bool there = found_.contains(key);
        return Finding{
            .name = there ? FindingName("device_differs") : FindingName("device_missing"),
            .cause = fmt::format("{} {}", key.to_string(), there ? "differs from the configuration" : "does not exist"),
            .evidence = {fmt::format("ip -d link show {}: {}, wanted is {}", device.name, now(key), value(device))},
            .cure = {apply}};
    }

    [[nodiscard]] std::optional<Finding> differs(const Key& key, const Decap& decap) const {
        const auto there = find(found_, key);
        Finding finding{.name = there ? FindingName("xdp_differs") : FindingName("xdp_missing"),
                        .cause = there ? fmt::format("the XDP program on {} decapsulates other packets than configured",
                                                     decap.device)
                                       : fmt::format("no XDP program decapsulates packets on {}", decap.device),
                        .evidence = {fmt::format("XDP of {}: {}, wanted is {}", decap.device, now(key), value(decap))},
                        .cure = {apply}};
        if (there)
            for (const auto& difference : differences(*decap.program, *std::get<Decap>(*there).program))
                finding.evidence.push_back(fmt::format("XDP of {} {}", decap.device, difference));
        return finding;
    }

    /// If the device doesn't exist, another finding tells why.
    [[nodiscard]] std::optional<Finding> differs(const Key& key, const TunnelMode& mode) const {
        if (!has(Kind::link, mode.device)) return std::nullopt;
        return Finding{.name = "device_wrong_mode",
                       .cause = fmt::format("{} accepts {}, but should accept {}", mode.device, now(key), value(mode)),
                       .evidence = {fmt::format("mode of {}: {}", mode.device, now(key))},
                       .cure = {fmt::format("ip -6 tunnel change {} mode {}", mode.device, value(mode))}};
    }

    [[nodiscard]] std::optional<Finding> differs(const Key&, const Link& link) const {
        if (!has(Kind::link, link.device) || has_conflict(patient_, {Kind::device, link.device})) return std::nullopt;
        if (const auto device = find(found_, {Kind::device, link.device}))
            if (const auto port = port_of(std::get<Device>(*device)))
                for (const Family family : {Family::ipv4, Family::ipv6})
                    if (auto taken = this->taken(fmt::format("port {}/udp", *port), {.family = family, .port = *port}))
                        return taken;
        return Finding{.name = "device_down",
                       .cause = fmt::format("{}, which decapsulates packets, is down", link.device),
                       .evidence = {fmt::format("ip link show {}: no UP", link.device)},
                       .cure = {fmt::format("ip link set {} up", link.device)}};
    }

    [[nodiscard]] std::optional<Finding> differs(const Key& key, const Sysctl& sysctl) const {
        if (found_.contains(key) && was_set(sysctl, patient_.record)) return reset(key, sysctl);
        if (sysctl.key == SysctlKey::arp_ignore("all"))
            return Finding{.name = "arp_answers_vip",
                           .cause = "this host answers ARP requests for VIPs, in place of the balancer",
                           .evidence = {fmt::format("{} = {}", key.name, now(key))},
                           .cure = {fmt::format("sysctl -w {}={}", key.name, sysctl.value)}};
        if (sysctl.key == SysctlKey::arp_announce("all"))
            return Finding{
                .name = "arp_announces_vip",
                .cause = "this host's ARP requests carry VIPs as their source: neighbours learn them from it",
                .evidence = {fmt::format("{} = {}", key.name, now(key))},
                .cure = {fmt::format("sysctl -w {}={}", key.name, sysctl.value)}};
        return std::nullopt;  // rp_filter matters only on devices at which packets arrive: see check_input
    }

    [[nodiscard]] Finding reset(const Key& key, const Sysctl& sysctl) const {
        Finding finding{
            .name = "sysctl_reset",
            .cause = fmt::format("apply set {} to {}, and somebody has changed it since", key.name, sysctl.value),
            .evidence = {fmt::format("{} = {}", key.name, now(key))},
            .cure = {apply, "realserver render sysctl -o /"}};
        for (const auto& [pattern, text] : patient_.environment.sysctl_lines)
            if (fnmatch(pattern.c_str(), sysctl.key.path().c_str(), FNM_PATHNAME) == 0)
                finding.evidence.push_back(text);
        return finding;
    }

    [[nodiscard]] std::optional<Finding> differs(const Key& key, const Vip& vip) const {
        if (const auto lo = patient_.environment.devices.find("lo");
            !vip.prefix.address.is_v4() && lo != patient_.environment.devices.end() && lo->second.ipv6_disabled)
            return std::nullopt;  // see check_input
        Finding finding{.name = "vip_missing",
                        .cause = fmt::format("{} is not an address of this host", key.name),
                        .evidence = {fmt::format("lo: no {}", vip.prefix.to_string())},
                        .cure = {apply}};
        for (const auto& [device, prefix] : patient_.environment.addresses) {
            if (device == "lo" || prefix.address != vip.prefix.address) continue;
            const auto known = patient_.environment.devices.find(device);
            if (known != patient_.environment.devices.end() && known->second.answers)
                return std::nullopt;  // see check_answers
            finding.cause = fmt::format("{} is not on lo", key.name);
            finding.evidence.push_back(fmt::format("{}: {}", device, prefix.to_string()));
        }
        return finding;
    }

    [[nodiscard]] std::optional<Finding> differs(const Key& key, const Ruleset& ruleset) const {
        const auto there = find(found_, key);
        Finding finding{
            .name = there ? FindingName("rules_differ") : FindingName("rules_missing"),
            .cause = fmt::format("{} {}", key.to_string(), there ? "differs from the configuration" : "does not exist"),
            .evidence = {},
            .cure = {apply}};
        if (there) {
            const netlink::nft::Table& table = std::get<Ruleset>(*there).table;
            const auto parts = differing("chain", table.chains, ruleset.table.chains);
            finding.evidence = differing("set", table.sets, ruleset.table.sets);
            finding.evidence.insert(finding.evidence.begin(), parts.begin(), parts.end());
        }
        finding.evidence.push_back(
            fmt::format("nft list table {}: {}; wanted is {}", key.name, now(key), value(ruleset)));
        return finding;
    }

    /// The parts that differ, are missing, or are not wanted.
    template <typename Part>
    static std::vector<std::string> differing(std::string_view kind, const std::map<std::string, Part>& found,
                                              const std::map<std::string, Part>& wanted) {
        std::vector<std::string> result;
        for (const auto& [name, part] : wanted)
            if (const auto now = found.find(name); now == found.end() || now->second != part)
                result.push_back(fmt::format("{} {} {}", kind, name, now == found.end() ? "is missing" : "differs"));
        for (const auto& [name, part] : found)
            if (!wanted.contains(name)) result.push_back(fmt::format("{} {} is not wanted", kind, name));
        return result;
    }

    [[nodiscard]] std::optional<Finding> differs(const Key& key, const Port& item) const {
        if (!has(Kind::module, "fou")) return std::nullopt;
        const bool there = found_.contains(key);  // if so, the kernel itself owns the socket
        if (auto found = there ? std::nullopt : taken(key.to_string(), item.port)) return found;
        return Finding{.name = there ? FindingName("port_differs") : FindingName("port_missing"),
                       .cause = there ? fmt::format("{} decapsulates other packets than configured", key.to_string())
                                      : fmt::format("the kernel decapsulates nothing on {}", key.to_string()),
                       .evidence = {fmt::format("ip fou show: {}, wanted is {}", now(key), value(item))},
                       .cure = {apply}};
    }

    [[nodiscard]] std::optional<Finding> taken(const std::string& what, const FouPort& port) const {
        for (const auto& [socket, device, owner] : patient_.environment.listeners) {
            if (!is_in_the_way(socket, port)) continue;
            return Finding{.name = "port_taken",
                           .cause = fmt::format("{} uses {}", owner, what),
                           .evidence = {fmt::format("UDP socket {}:{}, inode {}", socket.address.to_string(),
                                                    socket.port, socket.inode)},
                           .advice = fmt::format("stop {}, or choose another port; then {}", owner, apply)};
        }
        return std::nullopt;
    }

    [[nodiscard]] std::string now(const Key& key) const { return words(find(found_, key)); }

    const Patient& patient_;
    const HostState& found_;
    const HostState wanted_;
    Diagnosis& diagnosis_;
    std::set<std::string> unread_;  ///< settings that are not judged
};

}  // namespace

bool has_conflict(const Patient& patient, const Key& key) {
    return std::ranges::find(patient.planned.conflicts, key.to_string(), &netlink::Error::object) !=
           patient.planned.conflicts.end();
}

void check_settings(const Patient& patient, Diagnosis& diagnosis) { Settings(patient, diagnosis).examine(); }

}  // namespace culvert::realserver
