// SPDX-License-Identifier: Apache-2.0
#include "realserver/plan/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <tuple>
#include <utility>

#include "realserver/desired/decide.hpp"
#include "realserver/model/order.hpp"
#include "realserver/plan/devices.hpp"
#include "realserver/plan/others.hpp"
#include "realserver/plan/wanted.hpp"

namespace culvert::realserver {

namespace {

using netlink::SysctlKey;

netlink::Error missing_device(const std::string& device, const HostState& found) {
    if (const std::string renamed = renamed_fallback(device, found); !renamed.empty())
        return {.operation = "bring up",
                .object = device,
                .code = ENODEV,
                .kernel = fmt::format("{} is that device, under another name", renamed),
                .cure = fmt::format("ip link set {0} down && ip link set {0} name {1}", renamed, device)};
    return {.operation = "bring up",
            .object = device,
            .code = ENODEV,
            .kernel = "its module is loaded, but this network namespace was made without fallback devices",
            .cure = "sysctl -w net.core.fb_tunnels_only_for_init_net=0, then recreate the namespace"};
}

netlink::Error taken_port(const Port& wanted, const Item& holder) {
    const netlink::FouPort& port = wanted.port;
    return {.operation = "add",
            .object = key(wanted).to_string(),
            .code = EADDRINUSE,
            .kernel = fmt::format("the kernel has it as \"{}\", which realserver did not make; wanted is \"{}\"",
                                  value(holder), value(wanted)),
            .cure = fmt::format("ip {}fou del port {}, or choose another port",
                                port.family == Family::ipv6 ? "-6 " : "", port.port)};
}

netlink::Error taken_device(const Key& wanted, const Decap& holder) {
    if (holder.unread)
        return {.operation = "attach",
                .object = wanted.to_string(),
                .code = 0,
                .kernel = "it has an XDP program, and who attached it is not known: " + holder.unread->message(),
                .cure = {}};
    return {.operation = "attach",
            .object = wanted.to_string(),
            .code = EBUSY,
            .kernel = "it has an XDP program, which realserver did not attach",
            .cure = holder.removal + ", or via: kernel"};
}

netlink::Error impossible_table(const Key& wanted) {
    return {.operation = "add",
            .object = wanted.to_string(),
            .code = EPROTONOSUPPORT,
            .kernel = "this kernel has no nf_tables",
            .cure = "modprobe nf_tables, or write guard: off and mss: off, without l3dsr"};
}

/// This host accepts every address of a VIP as its own, so a VIP must contain no gateway and no other own address.
std::vector<netlink::Error> vips_that_take_others(const Config& config, const Surroundings& around) {
    std::vector<netlink::Error> errors;
    const auto refuse = [&](const Prefix& vip, const IpAddress& other, std::string_view what) {
        errors.push_back({.operation = "add",
                          .object = key(Vip{vip}).to_string(),
                          .code = EADDRNOTAVAIL,
                          .kernel = fmt::format("it contains {}, {}", other.to_string(), what),
                          .cure = fmt::format("leave {} out of vips", other.to_string())});
    };
    for (const Prefix& vip : config.vips) {
        for (const IpAddress& gateway : around.gateways)
            if (vip.contains(gateway)) refuse(vip, gateway, "a gateway of this host's routes");
        for (const Prefix& network : around.networks)
            if (!vip.is_host() && vip.contains(network.address))
                refuse(vip, network.address, "this host's own address in its network");
    }
    return errors;
}

/// Makes the plan from `found` to `wanted`.
class Planner {
  public:
    Planner(const Observed& observed, DevicePlan devices, const HostState& wanted)
        : observed_(observed),
          found_(std::move(devices.found)),
          wanted_(wanted),
          record_(std::move(devices.record)),
          withdrawals_(std::move(devices.removals)),
          plan_{.changes = {}, .conflicts = std::move(devices.conflicts), .left = {}, .notes = {}, .wanted = {}} {}

    Plan make() {
        for (const auto& [key, item] : found_)
            if (!wanted_.contains(key)) withdraw(key, item);
        for (const auto& [key, item] : wanted_) establish(key, item);
        keep_apart_from_default();
        std::ranges::stable_sort(withdrawals_, {}, [](const Change& change) {
            return std::tuple(rank(teardown_order, place(change)), lowers(change));
        });
        std::ranges::stable_sort(additions_, {}, [](const Change& change) {
            return std::tuple(rank(setup_order, place(change)), lowers(change));
        });
        plan_.changes = std::move(withdrawals_);
        std::ranges::move(additions_, std::back_inserter(plan_.changes));
        return std::move(plan_);
    }

  private:
    /// The kind that decides the change's place in the order. lo must be up before anything is added to it.
    static Kind place(const Change& change) {
        const auto* link = std::get_if<Link>(change.after ? &*change.after : &change.before.value());
        return link != nullptr && link->device == "lo" ? Kind::module : change.kind();
    }

    void withdraw(const Key& key, const Item& item) {
        const Entry* entry = entry_of(record_, item);
        const auto* vip = std::get_if<Vip>(&item);
        if (vip != nullptr && vip->manner && entry != nullptr && !entry->original) return;  // somebody else's by now
        if (entry == nullptr && observed_.marked.contains(key)) {
            withdrawals_.push_back({item, std::nullopt});
        } else if (entry != nullptr && entry->original != item) {
            withdrawals_.push_back({item, entry->original});
        } else if (entry != nullptr && observed_.marked.contains(key)) {
            withdrawals_.push_back({item, entry->original});  // somebody else's; we only put it back
        } else if (const auto known = record_.find(key);
                   entry == nullptr && known != record_.end() && known->second.original != item) {
            plan_.left.push_back(fmt::format("{} is {}, not {} as apply left it", key.to_string(), value(item),
                                             value(known->second.ours.back())));
        }
    }

    void establish(const Key& key, const Item& item) {
        const auto now = find(found_, key);
        const auto* decap = std::get_if<Decap>(&item);
        if (now == item || (decap != nullptr && decap->device.empty())) return;  // undecided
        if (key.kind == Kind::table && observed_.around.absent_modules.contains("nf_tables")) {
            plan_.conflicts.push_back(impossible_table(key));
        } else if (!now && is_setting(key.kind)) {
            if (key.kind == Kind::link) plan_.conflicts.push_back(missing_device(key.name, found_));
        } else if (now && key.kind == Kind::decap && !is_ours(*now, observed_, record_)) {
            plan_.conflicts.push_back(taken_device(key, std::get<Decap>(*now)));
        } else if (now && key.kind == Kind::port) {
            if (!is_ours(*now, observed_, record_)) {
                plan_.conflicts.push_back(taken_port(std::get<Port>(item), *now));
                return;
            }
            withdrawals_.push_back({now, std::nullopt});
            additions_.push_back({std::nullopt, item});
        } else {
            additions_.push_back({now, item});
        }
    }

    /// A write to conf.default changes every device whose own value was never written (net/ipv4/devinet.c,
    /// devinet_copy_dflt_conf). Devices that must keep their value get it written, even if it is the same.
    void keep_apart_from_default() {
        const Key key{Kind::sysctl, SysctlKey::rp_filter("default").to_string()};
        const auto moved = std::ranges::find(additions_, key, &Change::key);
        if (moved == additions_.end()) return;
        const long former = std::get<Sysctl>(moved->before.value()).value;
        for (const auto& [device, item] : found_) {
            if (device.kind != Kind::link) continue;
            const Key own{Kind::sysctl, SysctlKey::rp_filter(device.name).to_string()};
            const auto now = find(found_, own);
            const auto wanted = find(wanted_, own);
            if (now && wanted == now && std::get<Sysctl>(*now).value == former) additions_.push_back({now, now});
        }
    }

    const Observed& observed_;
    const HostState found_;
    const HostState& wanted_;
    const Record record_;
    std::vector<Change> withdrawals_;
    std::vector<Change> additions_;
    Plan plan_;
};

}  // namespace

bool lowers(const Change& change) {
    const auto* before = change.before ? std::get_if<Sysctl>(&*change.before) : nullptr;
    return before != nullptr && change.after && std::get<Sysctl>(*change.after).value <= before->value;
}

Plan plan(const Desired& desired, const Observed& observed, const Record& record) {
    DevicePlan devices = plan_devices(with_modules(observed.state, desired), wanted_devices(desired), observed, record);
    HostState goal = want(desired, devices.found, devices.record);
    Plan result = Planner(observed, std::move(devices), goal).make();
    result.wanted = std::move(goal);
    if (auto error = undecided(desired)) result.conflicts.push_back(*std::move(error));
    std::ranges::move(vips_that_take_others(desired.config, observed.around), std::back_inserter(result.conflicts));
    for (const OtherTunnel& other : other_tunnels(desired, observed, record)) result.notes.push_back(other.to_string());
    return result;
}

Plan plan_teardown(const Observed& observed, const Record& record) {
    return Planner(observed, plan_devices(observed.state, {}, observed, record), {}).make();
}

}  // namespace culvert::realserver
