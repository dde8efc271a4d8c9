// SPDX-License-Identifier: Apache-2.0
#include "realserver/run/apply.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <cerrno>

#include "tests/unit/realserver/directory.hpp"
#include "tests/unit/realserver/simulated_host.hpp"

namespace culvert::realserver {
namespace {

using netlink::failure;
using netlink::Result;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

struct Killed {};

class Apply : public testing::Test {
  protected:
    Directory directory_;
    RecordFile file_ = directory_.record();
    SimulatedHost host_;
    Config config_ = config(R"(
balancers: [10.0.0.1, "fd00::1"]
vips: [192.0.2.1, "2001:db8::1", 198.51.100.0/28]
receive:
  - {encap: gue, port: 5080}
  - {encap: l3dsr, dscp: 2, vip: 192.0.2.1}
)");
};

TEST_F(Apply, TwiceChangesNothing) {
    ASSERT_TRUE(apply(host_, file_, config_));
    host_.before_change = [](const Change& change) -> Result<> {
        ADD_FAILURE() << change.to_string();
        return {};
    };
    const auto again = apply(host_, file_, config_);
    ASSERT_TRUE(again);
    EXPECT_THAT(again->changes, IsEmpty());
}

TEST_F(Apply, TeardownRestoresWhatWasThere) {
    host_.sysctl("net.ipv4.conf.all.rp_filter", 2);
    const HostState before = host_.state();
    ASSERT_TRUE(apply(host_, file_, config_));
    EXPECT_NE(host_.state_but_modules(), before);
    ASSERT_TRUE(teardown(host_, file_, std::nullopt));
    EXPECT_EQ(host_.state_but_modules(), before);
    EXPECT_TRUE(directory_.is_empty());
}

TEST_F(Apply, WhatItFoundStaysWhateverOthersDoInBetween) {
    ASSERT_TRUE(apply(host_, file_, config_));
    const HostState applied = host_.state();
    ASSERT_TRUE(teardown(host_, file_, std::nullopt));
    const Key vip{Kind::vip, "192.0.2.1"};
    const Key network{Kind::vip, "198.51.100.0/28"};
    const Key port{Kind::port, "5080/udp over ipv4"};
    for (const Key& key : {vip, network, port}) host_.put(applied.at(key));
    host_.sysctl("net.ipv4.conf.all.arp_ignore", 1);
    const HostState before = host_.state();

    ASSERT_TRUE(apply(host_, file_, config_));
    for (const Key& key : {vip, network, port}) host_.erase(key);
    host_.sysctl("net.ipv4.conf.all.arp_ignore", 0);
    ASSERT_TRUE(apply(host_, file_, config_));
    const auto removed = teardown(host_, file_, std::nullopt);
    ASSERT_TRUE(removed);
    EXPECT_EQ(host_.state(), before);
    EXPECT_THAT(lines(removed->changes), Contains("~ vip 192.0.2.1: set again"));
    EXPECT_THAT(teardown(host_, file_, std::nullopt)->changes, IsEmpty());
}

TEST_F(Apply, AFailureDoesNotForgetWhatTheFirstOneFound) {
    const Key vip{Kind::vip, "192.0.2.1"};
    host_.put(Vip{*netlink::Prefix::parse("192.0.2.1")});
    const HostState before = host_.state();
    ASSERT_TRUE(apply(host_, file_, config_));
    host_.erase(vip);
    host_.erase({Kind::table, "inet culvert"});
    host_.before_change = [](const Change& change) -> Result<> {
        if (change.kind() == Kind::table && change.after) return failure("replace", "table", ENOBUFS);
        return {};
    };
    ASSERT_FALSE(apply(host_, file_, config_));
    host_.before_change = nullptr;
    ASSERT_TRUE(apply(host_, file_, config_));
    ASSERT_TRUE(teardown(host_, file_, std::nullopt));
    EXPECT_EQ(host_.state_but_modules(), before);
}

TEST_F(Apply, AChangedConfigurationTakesAwayWhatItNoLongerWants) {
    ASSERT_TRUE(apply(host_, file_, config_));
    const auto second = apply(host_, file_, config("vips: [192.0.2.1]\nreceive: [{encap: l2}]"));
    ASSERT_TRUE(second);
    EXPECT_THAT(
        lines(second->changes),
        ElementsAre("- port 5080/udp over ipv4: gue", "- port 5080/udp over ipv6: gue", "~ link ip6tnl0: up -> down",
                    "~ link sit0: up -> down", "~ link tunl0: up -> down", "~ mode ip6tnl0: any -> ip6ip6",
                    "- table inet culvert: guard strict, dscp 2 -> 192.0.2.1, mss 1408 over ipv4, mss 1388 over ipv6",
                    "- vip 198.51.100.0/28", "- vip 2001:db8::1"));
}

TEST_F(Apply, AFailureIsTakenBack) {
    const HostState before = host_.state();
    host_.before_change = [](const Change& change) -> Result<> {
        if (change.key().name == "5080/udp over ipv6") return failure("add fou port", "5080/udp gue ipv6", EADDRINUSE);
        return {};
    };
    const auto result = apply(host_, file_, config_);
    ASSERT_FALSE(result);
    ASSERT_EQ(result.error().causes.size(), 1U);
    EXPECT_EQ(result.error().causes.front().message(), "add fou port 5080/udp gue ipv6: Address already in use");
    EXPECT_EQ(result.error().undone, 11U);
    EXPECT_THAT(result.error().stuck, IsEmpty());
    EXPECT_EQ(host_.state_but_modules(), before);
}

TEST_F(Apply, OfChangesThatAreMadeTogetherThoseBehindTheFailureAreTakenBackToo) {
    const HostState before = host_.state();
    host_.before_change = [](const Change& change) -> Result<> {
        if (change.key().name == "198.51.100.0/28") return failure("add route", "198.51.100.0/28", ENOBUFS);
        return {};
    };
    const auto result = apply(host_, file_,
                              config("vips: [192.0.2.1, 198.51.100.0/28, '2001:db8::1']\n"
                                     "receive: [{encap: l3dsr, dscp: 2, vip: 192.0.2.1}]"));
    ASSERT_FALSE(result);
    ASSERT_EQ(result.error().causes.size(), 1U);
    EXPECT_EQ(result.error().causes.front().message(), "add route 198.51.100.0/28: No buffer space available");
    EXPECT_EQ(host_.state(), before);
}

TEST_F(Apply, WhatCannotBeTakenBackIsSaidAndRemembered) {
    const HostState before = host_.state();
    host_.before_change = [](const Change& change) -> Result<> {
        if (change.key().kind == Kind::port) return failure("add fou port", "5080", ENOBUFS);
        if (change == Change{Vip{*Prefix::parse("2001:db8::1")}, std::nullopt})
            return failure("remove address", "2001:db8::1", EBUSY);
        return {};
    };
    const auto result = apply(host_, file_, config_);
    ASSERT_FALSE(result);
    ASSERT_EQ(result.error().stuck.size(), 1U);
    EXPECT_EQ(result.error().stuck.front().message(), "remove address 2001:db8::1: Device or resource busy");

    host_.before_change = nullptr;
    ASSERT_TRUE(teardown(host_, file_, std::nullopt));
    EXPECT_EQ(host_.state_but_modules(), before);
}

TEST_F(Apply, WhatDoesNotReadBackIsNoSuccess) {
    const HostState before = host_.state();
    host_.before_change = [this](const Change& change) -> Result<> {
        if (change.key().kind == Kind::port) host_.sysctl("net.ipv4.conf.tunl0.rp_filter", 2);
        return {};
    };
    const auto result = apply(host_, file_, config_);
    ASSERT_FALSE(result);
    ASSERT_EQ(result.error().causes.size(), 1U);
    EXPECT_EQ(result.error().causes.front().message(),
              "verify sysctl net.ipv4.conf.tunl0.rp_filter: it was set, but the kernel has another value; still to do: "
              "\"~ sysctl "
              "net.ipv4.conf.tunl0.rp_filter: 2 -> 0\" (find what else sets it, then apply again)");
    host_.sysctl("net.ipv4.conf.tunl0.rp_filter", 0);
    EXPECT_EQ(host_.state_but_modules(), before);
}

TEST_F(Apply, AConflictChangesNothing) {
    host_.put(Port{{.family = Family::ipv4, .port = 5080, .protocol = 4}, ""});
    host_.before_change = [](const Change& change) -> Result<> {
        ADD_FAILURE() << change.to_string();
        return {};
    };
    ASSERT_FALSE(apply(host_, file_, config_));
    EXPECT_TRUE(directory_.is_empty());
}

TEST_F(Apply, ANamespaceWithoutFallbackDevicesIsSaid) {
    host_.without_fallback_devices = true;
    const auto result = apply(host_, file_, config_);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().causes.size(), 3U);
    EXPECT_THAT(result.error().modules, ElementsAre("fou", "ip6_tunnel", "ipip", "sit"));
}

TEST_F(Apply, ALostRecordLeavesNothingOpen) {
    ASSERT_TRUE(apply(host_, file_, config_));
    ASSERT_TRUE(file_.remove());
    const auto result = teardown(host_, file_, config_);
    ASSERT_TRUE(result);
    EXPECT_THAT(
        lines(result->changes),
        ElementsAre("- port 5080/udp over ipv4: gue", "- port 5080/udp over ipv6: gue", "~ link ip6tnl0: up -> down",
                    "~ link sit0: up -> down", "~ link tunl0: up -> down",
                    "- table inet culvert: guard strict, dscp 2 -> 192.0.2.1, mss 1408 over ipv4, mss 1388 over ipv6",
                    "- vip 192.0.2.1", "- vip 198.51.100.0/28", "- vip 2001:db8::1"));
}

/// Hosts that have been changed before.
rc::Gen<SimulatedHost> any_host() {
    return rc::gen::exec([] {
        const auto value = [] { return *rc::gen::inRange<long>(0, 3); };
        SimulatedHost host;
        if (*rc::gen::arbitrary<bool>()) host.device("eth1", *rc::gen::arbitrary<bool>());
        for (const char* name : {"all", "default", "eth0", "lo"})
            if (*rc::gen::arbitrary<bool>()) host.sysctl(std::string("net.ipv4.conf.") + name + ".rp_filter", value());
        if (*rc::gen::arbitrary<bool>()) host.sysctl("net.ipv4.conf.all.arp_ignore", value());
        for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "fou"})
            if (*rc::gen::arbitrary<bool>()) (void)host.perform({std::nullopt, Module{module}});
        for (const char* device : {"tunl0", "gre0"})
            if (host.state().contains({Kind::link, device}) && *rc::gen::arbitrary<bool>())
                host.put(Link{device, true});
        if (*rc::gen::arbitrary<bool>()) host.put(Vip{*Prefix::parse("192.0.2.1")});
        if (*rc::gen::arbitrary<bool>())
            host.put(Port{{.family = Family::ipv4, .port = 5080, .type = netlink::FouType::gue}, ""});
        return host;
    });
}

rc::Gen<Config> any_config() {
    return rc::gen::exec([] {
        const auto subset = [](std::vector<std::string> of) {
            std::string list;
            for (const std::string& one : of)
                if (*rc::gen::arbitrary<bool>()) list += (list.empty() ? "" : ", ") + one;
            return "[" + (list.empty() ? of.front() : list) + "]";
        };
        const std::string vips = subset({"192.0.2.1", "198.51.100.0/28", "\"2001:db8::1\""});
        const bool both = vips.find("2001") != std::string::npos && vips.find('.') != std::string::npos;
        const std::string lb1 = "[{name: lb1, local: 10.0.0.2, remote: 10.0.0.1, type: ";
        const std::string lb2 = "[{name: lb2, local: 10.0.0.2, remote: 10.0.0.1, type: gre}]";
        return config(
            "balancers: " + subset({"10.0.0.1", "\"fd00::1\""}) + "\nvips: " + vips + "\nreceive: " +
            subset({"{encap: ipip}", "{encap: gre}", "{encap: geneve, vni: 666}", "{encap: gue, port: 5080}",
                    "{encap: l2}", both ? "{encap: fou, port: 5004, inner: gre}" : "{encap: fou, port: 5004}"}) +
            "\ntunnels: " +
            *rc::gen::element<std::string>(lb1 + "gre}]", lb1 + "gretap}]", lb1 + "gre, ttl: 9}]", lb2) +
            "\nsysctl: {rp_filter: " + (*rc::gen::arbitrary<bool>() ? "managed" : "leave") + "}");
    });
}

RC_GTEST_PROP(ApplyProperty, ReachesWhatIsWantedAndTeardownTheStart, ()) {
    const Directory directory;
    const RecordFile file = directory.record();
    SimulatedHost host = *any_host();
    const HostState start = host.state_but_modules();
    const auto configs = *rc::gen::container<std::vector<Config>>(3, any_config());
    for (const Config& wanted : configs) {
        RC_ASSERT(apply(host, file, wanted).has_value());
        const auto again = apply(host, file, wanted);
        RC_ASSERT(again.has_value());
        RC_ASSERT(again->changes.empty());
    }
    RC_ASSERT(teardown(host, file, std::nullopt).has_value());
    RC_ASSERT(host.state_but_modules() == start);
    RC_ASSERT(directory.is_empty());
}

RC_GTEST_PROP(ApplyProperty, AnyFailureIsTakenBack, ()) {
    const Directory directory;
    const RecordFile file = directory.record();
    SimulatedHost host = *any_host();
    const HostState start = host.state_but_modules();
    if (*rc::gen::arbitrary<bool>()) RC_ASSERT(apply(host, file, *any_config()).has_value());
    const HostState before = host.state_but_modules();
    int left = *rc::gen::inRange(0, 12);
    bool failed = false;
    host.before_change = [&](const Change& change) -> Result<> {
        if (left-- != 0) return {};
        failed = true;
        return failure(std::string(change.verb()), change.key().to_string(), ENOBUFS);
    };
    const auto result = apply(host, file, *any_config());
    RC_ASSERT(result.has_value() == !failed);
    if (failed) RC_ASSERT(host.state_but_modules() == before);
    host.before_change = nullptr;
    RC_ASSERT(teardown(host, file, std::nullopt).has_value());
    RC_ASSERT(host.state_but_modules() == start);
}

RC_GTEST_PROP(ApplyProperty, AKillAtAnyMomentLosesNothing, ()) {
    const Directory directory;
    const RecordFile file = directory.record();
    SimulatedHost host = *any_host();
    const HostState start = host.state_but_modules();
    if (*rc::gen::arbitrary<bool>()) RC_ASSERT(apply(host, file, *any_config()).has_value());
    int left = *rc::gen::inRange(0, 12);
    host.before_change = [&](const Change&) -> Result<> {
        if (left-- == 0) throw Killed{};
        return {};
    };
    const Config wanted = *any_config();
    try {
        (void)apply(host, file, wanted);
    } catch (const Killed&) {
    }
    host.before_change = nullptr;
    if (*rc::gen::arbitrary<bool>()) RC_ASSERT(apply(host, file, *any_config()).has_value());
    RC_ASSERT(teardown(host, file, std::nullopt).has_value());
    RC_ASSERT(host.state_but_modules() == start);
}

RC_GTEST_PROP(ApplyProperty, NoOtherDeviceEverLosesProtection, ()) {
    const Directory directory;
    const RecordFile file = directory.record();
    SimulatedHost host = *any_host();
    const auto effective = [&host](const std::string& device) {
        const auto value = [&host](const std::string& name) {
            const Key key{Kind::sysctl, netlink::SysctlKey::rp_filter(name).to_string()};
            return std::get<Sysctl>(host.state().at(key)).value;
        };
        return std::max(value("all"), value(device));
    };
    const long before = effective("eth0");
    int left = *rc::gen::inRange(0, 24);
    host.before_change = [&](const Change& change) -> Result<> {
        RC_ASSERT(effective("eth0") >= before);
        if (left-- == 0) return failure(std::string(change.verb()), change.key().to_string(), ENOBUFS);
        return {};
    };
    (void)apply(host, file, *any_config());
    RC_ASSERT(effective("eth0") == before);
    left = -1;
    RC_ASSERT(teardown(host, file, std::nullopt).has_value());
    RC_ASSERT(effective("eth0") == before);
}

}  // namespace
}  // namespace culvert::realserver
