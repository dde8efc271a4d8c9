// SPDX-License-Identifier: Apache-2.0
#include "netlink/nftables/nftables.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <thread>

#include "netlink/nftables/text.hpp"
#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink::nft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

/// The standard output of a shell command, which must succeed.
std::string output_of(const std::string& command) {
    std::string output;
    FILE* pipe = popen(command.c_str(), "r");  // NOLINT(cert-env33-c): nft, as found in PATH
    std::array<char, 4096> buffer{};
    for (std::size_t size = 0; (size = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        output.append(buffer.data(), size);
    EXPECT_EQ(pclose(pipe), 0) << command;
    return output;
}

/// A table with every kind of object, and the same as text for nft.
Table every_kind() {
    const std::vector balancers{prefix("10.0.0.1"), prefix("10.0.1.0/24"), prefix("fd00::/64"), prefix("fe80::1")};
    const std::vector everywhere{prefix("0.0.0.0/0"), prefix("ff00::/8")};
    const Family v4 = Family::ipv4;
    const Family v6 = Family::ipv6;
    return {
        .name = "culvert",
        .sets =
            {
                {"balancers4", Set::of(v4, balancers)},
                {"balancers6", Set::of(v6, balancers)},
                {"everywhere4", Set::of(v4, everywhere)},
                {"last6", Set::of(v6, everywhere)},
                {"nobody4", Set::of(v4, {})},
                {"tunneldevs", Set::of({"tunl0"})},
            },
        .chains =
            {
                {"input",
                 {.hook = Hook{HookPoint::input, priority_filter, Policy::drop},
                  .rules =
                      {
                          Rule{}.nfproto(v4).saddr_in(v4, "balancers4").counter().accept(),
                          Rule{}.nfproto(v6).saddr_not_in(v6, "balancers6").drop(),
                          Rule{}.nfproto(v4).saddr_in(v4, "everywhere4").accept(),
                          Rule{}.nfproto(v6).daddr_not_in(v6, "last6").accept(),
                          Rule{}.iifname("tunl0").nfproto(v4).daddr(prefix("192.0.2.1")).jump("strangers"),
                          Rule{}.iifname("tun*").nfproto(v6).saddr(prefix("fd00::/60")).accept(),
                          Rule{}.l4proto(17).dport(5080).accept(),
                          Rule{}.iifkind_in("tunneldevs").priority_has(0xc0000000).accept(),
                          Rule{}.priority_lacks(0x40000000).change_priority(0x80000000, 0x40000000),
                          Rule{}.change_priority(0x40000001, 0).accept(),
                          Rule{}.mark_has(0x1000).change_mark(0x1000, 0),
                          Rule{}.change_mark(0, 0x1000),
                          Rule{}.iifname_in("tunneldevs").fib_saddr_local().go_to("strangers"),
                          Rule{}.iifname_not_in("tunneldevs").fib_saddr_not_local().accept(),
                          Rule{}.fib_saddr_not_by_iif().drop(),
                          Rule{}.fib_daddr_local_to_iif().accept(),
                          Rule{}.l4proto(47).transport_not(0, {0, 0, 8, 0}).accept(),
                          Rule{}.l4proto(17).transport(8, {0, 4}).accept(),
                          Rule{}.l4proto(17).transport_masked(8, {0xf0}, {0x40}).accept(),
                          Rule{}.later_fragment().accept(),
                          Rule{}.l4proto_known().accept(),
                      }}},
                {"l3dsr",
                 {.hook = Hook{HookPoint::prerouting, priority_raw},
                  .rules =
                      {
                          Rule{}.nfproto(v4).dscp(v4, 2).set_daddr(ip("192.0.2.1")).notrack().with_comment("dns"),
                          Rule{}.nfproto(v6).dscp(v6, 2).set_daddr(ip("2001:db8::1")).notrack(),
                          Rule{}.nfproto(v4).dscp(v4, 46).fib_daddr_local().set_daddr(ip("192.0.2.2")).notrack(),
                      }}},
                {"mss",
                 {.hook = Hook{HookPoint::output, priority_mangle},
                  .rules = {Rule{}.nfproto(v4).saddr_in(v4, "balancers4").tcp_syn().set_mss(1400)}}},
                {"strangers", {.hook = {}, .rules = {Rule{}.limit(10).log("stranger: "), Rule{}.drop()}}},
            },
    };
}

constexpr const char* every_kind_by_nft = R"(nft -f - <<'END'
table inet culvert {
    set balancers4 { type ipv4_addr; flags interval; elements = { 10.0.0.1, 10.0.1.0/24 } }
    set balancers6 { type ipv6_addr; flags interval; elements = { fd00::/64, fe80::1 } }
    set everywhere4 { type ipv4_addr; flags interval; elements = { 0.0.0.0/0 } }
    set last6 { type ipv6_addr; flags interval; elements = { ff00::/8 } }
    set nobody4 { type ipv4_addr; flags interval; }
    set tunneldevs { type ifname; elements = { "tunl0" } }
    chain input {
        type filter hook input priority filter; policy drop;
        ip saddr @balancers4 counter accept
        ip6 saddr != @balancers6 drop
        ip saddr @everywhere4 accept
        ip6 daddr != @last6 accept
        iifname "tunl0" ip daddr 192.0.2.1 jump strangers
        iifname "tun*" ip6 saddr fd00::/60 accept
        udp dport 5080 accept
        meta iifkind @tunneldevs meta priority & c000:0 != none accept
        meta priority & 4000:0 == none meta priority set meta priority & 7fff:ffff | 4000:0
        meta priority set meta priority & bfff:fffe accept
        meta mark & 0x1000 != 0 meta mark set meta mark & 0xffffefff
        meta mark set meta mark | 0x1000
        iifname @tunneldevs fib saddr type local goto strangers
        iifname != @tunneldevs fib saddr type != local accept
        fib saddr . iif oif missing drop
        fib daddr . iif type local accept
        meta l4proto gre @th,0,32 != 0x800 accept
        meta l4proto udp @th,64,16 4 accept
        meta l4proto udp @th,64,8 & 0xf0 == 0x40 accept
        frag frag-off != 0 accept
        meta l4proto != 255 accept
    }
    chain l3dsr {
        type filter hook prerouting priority raw; policy accept;
        ip dscp 2 ip daddr set 192.0.2.1 notrack comment "dns"
        ip6 dscp 2 ip6 daddr set 2001:db8::1 notrack
        ip dscp 46 fib daddr type local ip daddr set 192.0.2.2 notrack
    }
    chain mss {
        type filter hook output priority mangle; policy accept;
        ip saddr @balancers4 tcp flags & syn != 0 tcp option maxseg size set 1400
    }
    chain strangers { limit rate 10/second log prefix "stranger: "; drop; }
}
END
)";

class KernelNftables : public KernelTest {
  protected:
    void SetUp() override {
        KernelTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        auto opened = Nftables::open();
        ASSERT_TRUE(succeeded(opened));
        nftables_.emplace(*std::move(opened));
    }

    Nftables& nftables() { return *nftables_; }
    Table must_read(std::string_view name) { return nftables().read(name).value().value(); }

  private:
    std::optional<Nftables> nftables_;
};

TEST_F(KernelNftables, ReadsBackWhatItWrote) {
    EXPECT_EQ(nftables().read("culvert").value(), std::nullopt);
    const auto changed = nftables().replace(every_kind());
    ASSERT_TRUE(succeeded(changed));
    EXPECT_TRUE(*changed);
    EXPECT_EQ(must_read("culvert"), every_kind());
}

TEST_F(KernelNftables, ReadsWhatNftWrote) {
    output_of(every_kind_by_nft);
    EXPECT_EQ(must_read("culvert"), every_kind());
}

TEST_F(KernelNftables, NftCannotTellOursFromItsOwn) {
    // Byte code and text, without the handles of rules, and without nft's own mark on the last element of an interval.
    const std::string list =
        R"(nft --debug=netlink list ruleset | sed 's/^\(inet culvert [a-z0-9]*\) .*/\1/; s/\(: 0 .end.\)  userdata.*/\1/')";
    ASSERT_TRUE(nftables().replace(every_kind()));
    const std::string ours = output_of(list);
    ASSERT_TRUE(nftables().remove("culvert").value());
    output_of(every_kind_by_nft);
    EXPECT_EQ(ours, output_of(list));
}

TEST_F(KernelNftables, LoadsFromItsText) {
    output_of("nft -f - <<'END'\n" + to_text(every_kind()) + "END\n");
    EXPECT_EQ(must_read("culvert"), every_kind()) << to_text(every_kind());
}

TEST_F(KernelNftables, SecondReplaceIsSilent) {
    ASSERT_TRUE(nftables().replace(every_kind()).value());
    const auto before = nftables().generation().value();
    EXPECT_FALSE(nftables().replace(every_kind()).value());
    EXPECT_EQ(nftables().generation().value(), before);
}

TEST_F(KernelNftables, ReplaceTakesAwayWhatOthersAdded) {
    ASSERT_TRUE(nftables().replace(every_kind()).value());
    output_of("nft add rule inet culvert input limit rate 5/second log accept");
    output_of("nft 'add map inet culvert m { type ipv4_addr : verdict; }'");
    EXPECT_NE(must_read("culvert"), every_kind());
    EXPECT_TRUE(nftables().replace(every_kind()).value());
    EXPECT_EQ(must_read("culvert"), every_kind());
}

TEST_F(KernelNftables, TalliesWhatTheRulesOfAChainCounted) {
    EXPECT_THAT(nftables().tallies("culvert").value(), IsEmpty());
    const Chain chain{.hook = Hook{HookPoint::output, priority_filter},
                      .rules = {Rule{}.l4proto(17).counter(), Rule{}.l4proto(17).dport(9).counter().drop()}};
    ASSERT_TRUE(nftables().replace({.name = "culvert", .chains = {{"out", chain}, {"other", {}}}}));
    output_of(
        "nft add table inet other; nft add chain inet other out '{ type filter hook output priority 1; }'; "
        "nft add rule inet other out counter");
    output_of(
        "ip link set lo up && bash -c 'for port in 8 9; do echo abcd >/dev/udp/127.0.0.1/$port; done 2>/dev/null' || "
        "true");
    EXPECT_THAT(nftables().tallies("culvert").value(), ElementsAre(Pair("out", Tally{3, 3 * 33})));
}

TEST_F(KernelNftables, LeavesOtherTablesAlone) {
    output_of("nft 'add table ip culvert; add table inet other; add chain inet other c'");
    const std::string others = output_of("nft list table ip culvert; nft list table inet other");
    ASSERT_TRUE(nftables().replace(every_kind()).value());
    ASSERT_TRUE(nftables().remove("culvert").value());
    EXPECT_EQ(output_of("nft list ruleset"), others);
}

TEST_F(KernelNftables, RemovesOnce) {
    ASSERT_TRUE(nftables().replace(every_kind()).value());
    EXPECT_TRUE(nftables().remove("culvert").value());
    EXPECT_FALSE(nftables().remove("culvert").value());
}

TEST_F(KernelNftables, FailureNamesTheRuleAndChangesNothing) {
    ASSERT_TRUE(nftables().replace(every_kind()).value());
    Table wrong = every_kind();
    wrong.chains["l3dsr"].rules[1].jump("nowhere");
    const auto changed = nftables().replace(wrong);
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().code, ENOENT);
    EXPECT_THAT(changed.error().message(), HasSubstr("rule 2 of chain culvert l3dsr"));
    EXPECT_EQ(must_read("culvert"), every_kind());
}

TEST_F(KernelNftables, HoldsThousandsOfPrefixes) {
    std::vector<Prefix> prefixes;
    for (std::uint32_t i = 0; i < 5'000; ++i)
        prefixes.push_back(Prefix::host(*IpAddress::from_bytes(
            Bytes{10, 0, static_cast<std::uint8_t>(i >> 7), static_cast<std::uint8_t>(i << 1)})));
    const Table table{.name = "culvert", .sets = {{"vips", Set::of(Family::ipv4, prefixes)}}};
    const auto changed = nftables().replace(table);
    ASSERT_TRUE(succeeded(changed));
    EXPECT_EQ(must_read("culvert"), table);
}

TEST_F(KernelNftables, PrevailsWhileOthersChangeTheRuleset) {
    // Each failed attempt coincides with one of their changes, and they make fewer changes than replace makes attempts.
    std::thread others([] {  // a thread starts in the namespace of its creator
        auto own = Nftables::open().value();
        for (int i = 0; i < 20; ++i) {
            EXPECT_TRUE(succeeded(own.replace({.name = "other"})));
            EXPECT_TRUE(succeeded(own.remove("other")));
        }
    });
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(succeeded(nftables().replace(every_kind())));
        EXPECT_TRUE(succeeded(nftables().remove("culvert")));
    }
    others.join();
}

}  // namespace
}  // namespace culvert::netlink::nft
