// SPDX-License-Identifier: Apache-2.0
#include "realserver/run/repair.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <cerrno>
#include <set>

#include "realserver/run/apply.hpp"
#include "tests/unit/realserver/directory.hpp"
#include "tests/unit/realserver/simulated_host.hpp"

namespace culvert::realserver {
namespace {

using netlink::failure;
using netlink::Result;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr std::string_view everything = R"(
balancers: [10.0.0.1, "fd00::1"]
vips: [192.0.2.1, "2001:db8::1", 198.51.100.0/28]
receive:
  - {encap: gue, port: 5080}
  - {encap: l3dsr, dscp: 2, vip: 192.0.2.1}
)";

const Key vip{Kind::vip, "192.0.2.1"};
const Key port{Kind::port, "5080/udp over ipv4"};
const Key table{Kind::table, "inet culvert"};

class Repair : public testing::Test {
  protected:
    void SetUp() override {
        host_.sysctl("net.ipv4.conf.all.rp_filter", 1);
        start_ = host_.state_but_modules();
        ASSERT_TRUE(apply(host_, file_, config_));
    }

    Repairs repair_now() {
        auto repairs = repair(host_, file_, config_, backoff_, now_, first_);
        EXPECT_TRUE(repairs);
        return repairs.value_or(Repairs{});
    }

    /// The test's kernel refuses changes of this setting.
    void refuse(const Key& key) {
        host_.before_change = [key](const Change& change) -> Result<> {
            if (change.key() == key) return failure(std::string(change.verb()), key.to_string(), ENOBUFS);
            return {};
        };
    }

    Directory directory_;
    RecordFile file_ = directory_.record();
    SimulatedHost host_;
    Config config_ = config(everything);
    Backoff backoff_;
    Backoff::Time now_{1h};
    bool first_ = false;
    HostState start_;
};

TEST_F(Repair, WhatIsInOrderIsNotTouched) {
    host_.before_change = [](const Change& change) -> Result<> {
        ADD_FAILURE() << change.to_string();
        return {};
    };
    const Repairs repairs = repair_now();
    EXPECT_THAT(repairs.made, IsEmpty());
    EXPECT_TRUE(repairs.in_order());
}

TEST_F(Repair, WhatDriftedIsPutRightAndStillTornDown) {
    host_.erase(vip);
    host_.erase(port);
    host_.sysctl("net.ipv4.conf.tunl0.rp_filter", 2);
    const Repairs repairs = repair_now();
    EXPECT_THAT(lines(repairs.made), ElementsAre("~ sysctl net.ipv4.conf.tunl0.rp_filter: 2 -> 0", "+ vip 192.0.2.1",
                                                 "+ port 5080/udp over ipv4: gue"));
    EXPECT_TRUE(repairs.in_order());
    ASSERT_TRUE(teardown(host_, file_, std::nullopt));
    EXPECT_EQ(host_.state_but_modules(), start_);
}

TEST_F(Repair, WhatSomebodyElseKeepsBreakingWaits) {
    host_.erase(vip);
    EXPECT_THAT(repair_now().made.size(), 1);
    host_.erase(vip);
    host_.erase(port);
    const Repairs repairs = repair_now();
    EXPECT_THAT(lines(repairs.made), ElementsAre("+ port 5080/udp over ipv4: gue"));
    EXPECT_THAT(lines(repairs.held), ElementsAre("+ vip 192.0.2.1"));
    now_ += 1s;
    EXPECT_THAT(lines(repair_now().made), ElementsAre("+ vip 192.0.2.1"));
}

TEST_F(Repair, WhatCannotBePutRightHoldsUpNothingElse) {
    refuse(vip);
    host_.erase(vip);
    host_.erase(port);
    const Repairs repairs = repair_now();
    EXPECT_THAT(lines(repairs.made), ElementsAre("+ port 5080/udp over ipv4: gue"));
    ASSERT_EQ(repairs.failed.size(), 1U);
    EXPECT_EQ(repairs.failed.front().error.code, ENOBUFS);
    EXPECT_GT(backoff_.wait(vip, now_), 0ms);
}

TEST_F(Repair, WhatDoesNotReadBackIsNotRepaired) {
    host_.erase(vip);
    host_.erase(port);
    host_.before_change = [&](const Change& change) -> Result<> {
        if (change.key() == port) host_.erase(vip);
        return {};
    };
    const Repairs repairs = repair_now();
    EXPECT_THAT(lines(repairs.made), ElementsAre("+ port 5080/udp over ipv4: gue"));
    ASSERT_EQ(repairs.failed.size(), 1U);
    EXPECT_EQ(repairs.failed.front().change.key(), vip);
}

TEST_F(Repair, WithoutTheTableNothingIsOpened) {
    refuse(table);
    host_.erase(table);
    host_.erase(port);
    host_.erase(vip);
    host_.put(Link{"tunl0", false});
    for (int i = 0; i < 2; ++i) {  // refused, then held
        const Repairs repairs = repair_now();
        EXPECT_THAT(lines(repairs.premature),
                    ElementsAre("~ link tunl0: down -> up", "+ port 5080/udp over ipv4: gue"));
        EXPECT_EQ(host_.state().contains(port), false);
    }
    host_.before_change = nullptr;
    now_ += 1s;
    EXPECT_TRUE(repair_now().in_order());
    EXPECT_TRUE(host_.state().contains(port));
}

TEST_F(Repair, WhatBelongsToADeviceWaitsForIt) {
    config_ = config(
        "vips: [192.0.2.1]\nreceive: [{encap: l2}]\n"
        "tunnels: [{name: tun7, type: gretap, local: 10.0.0.2, remote: 10.0.0.1}]");
    ASSERT_TRUE(apply(host_, file_, config_));
    const Key device{Kind::device, "tun7"};
    host_.erase(device);
    for (const Key& setting : settings_of("tun7")) host_.erase(setting);
    refuse(device);
    Repairs repairs = repair_now();
    EXPECT_EQ(repairs.failed.size(), 1U);
    EXPECT_THAT(repairs.premature,
                testing::Contains(testing::ResultOf([](const Change& change) { return change.to_string(); },
                                                    "~ link tun7: down -> up")));
    host_.before_change = nullptr;
    now_ += 1s;
    EXPECT_TRUE(repair_now().in_order());
    EXPECT_TRUE(std::get<Link>(host_.state().at({Kind::link, "tun7"})).up);
}

TEST_F(Repair, NoDeviceIsUnprotectedInBetween) {
    host_.sysctl("net.ipv4.conf.all.rp_filter", 2);
    host_.sysctl("net.ipv4.conf.eth0.rp_filter", 0);
    refuse({Kind::sysctl, "net.ipv4.conf.eth0.rp_filter"});
    const Repairs repairs = repair_now();
    EXPECT_THAT(lines(repairs.premature), testing::Contains("~ sysctl net.ipv4.conf.all.rp_filter: 2 -> 0"));
}

TEST_F(Repair, APortOfOthersIsAConflictAndTheRestIsPutRight) {
    host_.erase(vip);
    host_.put(Port{{.family = Family::ipv4, .port = 5080, .protocol = 4}, ""});
    const Repairs repairs = repair_now();
    EXPECT_THAT(lines(repairs.made), ElementsAre("+ vip 192.0.2.1"));
    EXPECT_EQ(repairs.conflicts.size(), 1U);
    EXPECT_FALSE(repairs.in_order());
}

/// Everything of a backend that others can break.
std::set<Key> keys_of(const HostState& state) {
    std::set<Key> keys;
    for (const auto& [key, item] : state) keys.insert(key);
    return keys;
}

void break_something(SimulatedHost& host) {
    const HostState state = host.state();
    const auto& [key, item] = *rc::gen::elementOf(std::vector(state.begin(), state.end()));
    if (key.kind == Kind::vip || key.kind == Kind::port || key.kind == Kind::table) host.erase(key);
    if (const auto* link = std::get_if<Link>(&item)) host.put(Link{link->device, !link->up});
    if (std::holds_alternative<Sysctl>(item)) host.sysctl(key.name, *rc::gen::inRange<long>(0, 3));
}

RC_GTEST_PROP(RepairProperty, AnyBreakagesEndAsWanted, ()) {
    const Directory directory;
    const RecordFile file = directory.record();
    const Config wanted = config(everything);
    SimulatedHost host;
    Backoff backoff;
    Backoff::Time now{1h};
    RC_ASSERT(apply(host, file, wanted).has_value());
    for (int i = *rc::gen::inRange(0, 40); i > 0; --i) {
        break_something(host);
        now += std::chrono::milliseconds(*rc::gen::inRange(0, 3000));
        if (*rc::gen::arbitrary<bool>()) RC_ASSERT(repair(host, file, wanted, backoff, now, false).has_value());
    }
    now += Backoff::longest;
    RC_ASSERT(repair(host, file, wanted, backoff, now, false).has_value());
    const auto at_last = apply(host, file, wanted);
    RC_ASSERT(at_last.has_value());
    RC_ASSERT(at_last->changes.empty());
}

RC_GTEST_PROP(RepairProperty, TeardownKnowsTheStartAfterAnyBreakages, ()) {
    const Directory directory;
    const RecordFile file = directory.record();
    const Config wanted = config(everything);
    SimulatedHost host;
    ASSERT_TRUE(apply(host, file, wanted));  // loads its modules; gives the faults something to break
    const HostState applied = host.state();
    ASSERT_TRUE(teardown(host, file, std::nullopt));
    for (const auto& [key, item] : applied) {
        if (key.kind != Kind::vip && key.kind != Kind::port && key.kind != Kind::sysctl) continue;
        if (*rc::gen::arbitrary<bool>()) host.put(item);
    }
    const HostState start = host.state();

    Backoff backoff;
    Backoff::Time now{1h};
    RC_ASSERT(repair(host, file, wanted, backoff, now, true).has_value());
    const std::set<Key> ours = keys_of(plan_of(wanted, *host.observe({}), {}).wanted);
    for (int i = *rc::gen::inRange(0, 20); i > 0; --i) {
        break_something(host);
        now += std::chrono::milliseconds(*rc::gen::inRange(0, 3000));
        if (*rc::gen::arbitrary<bool>()) RC_ASSERT(repair(host, file, wanted, backoff, now, false).has_value());
        if (*rc::gen::arbitrary<bool>()) RC_ASSERT(apply(host, file, wanted).has_value());
    }
    RC_ASSERT(apply(host, file, wanted).has_value());
    RC_ASSERT(teardown(host, file, std::nullopt).has_value());
    for (const Key& key : ours) {
        // Nobody sets lo down. An arp_ignore of 2, which is as good as ours, is left to its owner.
        if (key == Key{Kind::link, "lo"} || key.name == "net.ipv4.conf.all.arp_ignore") continue;
        RC_ASSERT(find(host.state(), key) == find(start, key));
    }
    RC_ASSERT(teardown(host, file, std::nullopt)->changes.empty());
}

}  // namespace
}  // namespace culvert::realserver
