// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/realserver/simulated_host.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "realserver/config/reader.hpp"
#include "realserver/desired/decide.hpp"
#include "realserver/receive/fallback.hpp"

namespace culvert::realserver {

using netlink::failure;
using netlink::Result;
using netlink::SysctlKey;

Config config(std::string_view text) {
    const auto read = common::yaml::parse("realserver.yaml", text, read_config);
    if (read) return *read;
    for (const auto& error : read.error()) ADD_FAILURE() << error.to_string();
    return {};
}

Desired desired(std::string_view text) { return decide(config(text), {}); }

Plan plan_of(const Config& config, const Observed& observed, const Record& record) {
    return plan(decide(config, observed.around), observed, record);
}

std::vector<std::string> lines(const std::vector<Change>& changes) {
    std::vector<std::string> result;
    for (const Change& change : changes) result.push_back(change.to_string());
    return result;
}

SimulatedHost::SimulatedHost() {
    for (const std::string_view device : {"all", "default"}) put(Sysctl{SysctlKey::rp_filter(device), 0});
    put(Sysctl{SysctlKey::arp_ignore("all"), 0});
    put(Sysctl{SysctlKey::arp_announce("all"), 0});
    device("lo", true);
    device("eth0", true);
}

void SimulatedHost::sysctl(std::string_view name, long value) {
    const auto key = SysctlKey::parse(name);
    ASSERT_TRUE(key) << name;
    write({*key, value});
}

void SimulatedHost::device(const std::string& name, bool up) {
    put(Link{name, up});
    const Key key{Kind::sysctl, SysctlKey::rp_filter("default").to_string()};
    put(Sysctl{SysctlKey::rp_filter(name), std::get<Sysctl>(host_.state.at(key)).value});
    if (name == "ip6tnl0") put(TunnelMode{name, netlink::TunnelInner::ipv6});
    if (written_.contains(key)) written_.insert({Kind::sysctl, SysctlKey::rp_filter(name).to_string()});
}

HostState SimulatedHost::state_but_modules() const {
    HostState state = host_.state;
    std::erase_if(state, [this](const auto& entry) {
        const auto& [key, item] = entry;
        if (key.kind == Kind::module) return true;
        for (const std::string& device : devices_of_modules_)
            if (key.name == device || key.name == SysctlKey::rp_filter(device).to_string()) return true;
        return false;
    });
    return state;
}

Result<Observed> SimulatedHost::observe(const std::vector<netlink::Prefix>& /*balancers*/) { return host_; }

void SimulatedHost::load(const std::string& module) {
    put(Module{module});
    if (without_fallback_devices) return;
    for (const std::string_view name : devices_of_module(module)) {
        if (host_.state.contains({Kind::link, std::string(name)})) continue;
        device(std::string(name), false);
        devices_of_modules_.insert(std::string(name));
    }
}

/// net/ipv4/devinet.c, devinet_conf_proc: a write to conf.default changes the devices that were never written to.
void SimulatedHost::write(const Sysctl& sysctl) {
    put(sysctl);
    written_.insert(key(sysctl));
    if (sysctl.key != SysctlKey::rp_filter("default")) return;
    for (const auto& [link, item] : HostState(host_.state)) {
        const Sysctl own{SysctlKey::rp_filter(link.name), sysctl.value};
        if (link.kind == Kind::link && !written_.contains(key(own))) put(own);
    }
}

Result<> SimulatedHost::perform(const Change& change) {
    if (before_change) {
        if (auto allowed = before_change(change); !allowed) return allowed;
    }
    const Key key = change.key();
    const auto now = find(host_.state, key);
    if (change.before && !now) return failure(std::string(change.verb()), key.to_string(), ENOENT);
    if (!change.before && now) return failure(std::string(change.verb()), key.to_string(), EEXIST);
    if (!change.after) {
        if (key.kind == Kind::device)
            for (const Key& gone :
                 {Key{Kind::link, key.name}, Key{Kind::sysctl, SysctlKey::rp_filter(key.name).to_string()}})
                host_.state.erase(gone);
        host_.state.erase(key);
        host_.marked.erase(key);
        return {};
    }
    if (const auto* module = std::get_if<Module>(&*change.after)) {
        load(module->name);
    } else if (const auto* sysctl = std::get_if<Sysctl>(&*change.after)) {
        write(*sysctl);
    } else {
        if (key.kind == Kind::device && !now) device(key.name, false);
        put(*change.after);
    }
    if (key.kind == Kind::device || key.kind == Kind::vip || key.kind == Kind::table) host_.marked.insert(key);
    if (key.kind == Kind::vip && change.before) host_.marked.erase(key);  // left to others
    return {};
}

std::vector<Result<>> SimulatedHost::perform(std::span<const Change> changes) {
    std::vector<Result<>> outcomes;
    for (const Change& change : changes) outcomes.push_back(perform(change));
    return outcomes;
}

}  // namespace culvert::realserver
