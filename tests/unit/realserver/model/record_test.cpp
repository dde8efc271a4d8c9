// SPDX-License-Identifier: Apache-2.0
#include "realserver/model/record.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "realserver/record/record_file.hpp"

namespace culvert::realserver {
namespace {

using netlink::Family;
using netlink::FouType;
using netlink::SysctlKey;
using netlink::TunnelInner;

const Sysctl rp_filter_0{SysctlKey::rp_filter("all"), 0};
const Sysctl rp_filter_1{SysctlKey::rp_filter("all"), 1};
const Sysctl rp_filter_2{SysctlKey::rp_filter("all"), 2};

Record example() {
    Record record;
    const auto add = [&record](std::optional<Item> original, const Item& ours) {
        record.emplace(key(ours), Entry{std::move(original), {ours}});
    };
    add(rp_filter_2, rp_filter_0);
    add(Sysctl{SysctlKey::rp_filter("eth0.100"), 0}, Sysctl{SysctlKey::rp_filter("eth0.100"), 2});
    add(Link{"tunl0", false}, Link{"tunl0", true});
    add(TunnelMode{"ip6tnl0", TunnelInner::ipv6}, TunnelMode{"ip6tnl0", TunnelInner::any});
    add(std::nullopt, Vip{*netlink::Prefix::parse("2001:db8::/64")});
    add(std::nullopt, Port{{.family = Family::ipv6, .port = 5080, .type = FouType::gue}, ""});
    add(std::nullopt, Port{{.family = Family::ipv4,
                            .port = 5004,
                            .protocol = 4,
                            .local = netlink::IpAddress::parse("10.0.0.7"),
                            .peer = netlink::IpAddress::parse("10.0.0.1"),
                            .peer_port = 7},
                           "eth0"});
    add(std::nullopt, Device{.name = "geneve6081",
                             .parameters = netlink::Geneve{.external = true, .zero_checksum6_accept = true},
                             .mac = netlink::MacAddress::parse("02:00:00:00:00:01")});
    add(std::nullopt, Device{.name = "lb1",
                             .parameters = netlink::Tunnel{.kind = netlink::TunnelKind::ip6gretap,
                                                           .local = netlink::IpAddress::parse("fd00::2"),
                                                           .remote = netlink::IpAddress::parse("fd00::1"),
                                                           .link = 3,
                                                           .ttl = 9,
                                                           .tos = 1,
                                                           .encap_limit = 4,
                                                           .input_key = 7,
                                                           .output_key = 8,
                                                           .encap = {.type = netlink::EncapType::gue,
                                                                     .source_port = 1,
                                                                     .destination_port = 2,
                                                                     .checksum6 = true}},
                             .mac = {}});
    return record;
}

TEST(Record, IntendKeepsTheFirstOriginal) {
    Record record = intend({}, {{rp_filter_2, rp_filter_0}});
    record = intend(std::move(record), {{rp_filter_0, rp_filter_1}});
    EXPECT_EQ(record.at(key(rp_filter_0)), (Entry{rp_filter_2, {rp_filter_0, rp_filter_1}}));
}

TEST(Record, IntendKeepsTheFirstOriginalWhateverOthersHaveSetSince) {
    const Record record = intend({{key(rp_filter_0), {rp_filter_2, {rp_filter_0}}}}, {{rp_filter_1, rp_filter_0}});
    EXPECT_EQ(record.at(key(rp_filter_0)), (Entry{rp_filter_2, {rp_filter_0}}));
}

TEST(Record, NobodyTakesLoDown) {
    EXPECT_EQ(intend({}, {{Link{"lo", false}, Link{"lo", true}}}), Record{});
    EXPECT_NE(intend({}, {{Link{"tunl0", false}, Link{"tunl0", true}}}), Record{});
}

TEST(Record, SettleKeepsWhatIsThere) {
    const Record record{{key(rp_filter_0), {rp_filter_2, {rp_filter_0, rp_filter_1}}}};
    const auto settled = [&record](const Item& found) { return settle(record, {{key(found), found}}, {}); };
    EXPECT_EQ(settled(rp_filter_1), (Record{{key(rp_filter_0), {rp_filter_2, {rp_filter_1}}}}));
    EXPECT_EQ(settled(rp_filter_2), Record{});
    EXPECT_EQ(settle(record, {}, {}), Record{});
}

TEST(Record, SettleKeepsTheOriginalOfWhatIsStillWanted) {
    const HostState wanted{{key(rp_filter_0), rp_filter_0}};
    const Record record{{key(rp_filter_0), {rp_filter_2, {rp_filter_0}}}};
    for (const Sysctl& found : {rp_filter_0, rp_filter_1, rp_filter_2})
        EXPECT_EQ(settle(record, {{key(found), found}}, wanted), record);
}

TEST(Record, WhatIsFoundAsWantedIsItsOwnOriginal) {
    const Item vip = Vip{*netlink::Prefix::parse("192.0.2.1")};
    const HostState state{{key(vip), vip}, {key(rp_filter_0), rp_filter_0}};
    const Record noted = note_found({}, state, {.state = state, .marked = {}, .around = {}});
    EXPECT_EQ(noted, (Record{{key(vip), {vip, {vip}}}, {key(rp_filter_0), {rp_filter_0, {rp_filter_0}}}}));
    EXPECT_FALSE(is_ours(vip, {.state = state, .marked = {}, .around = {}}, noted));

    EXPECT_FALSE(note_found({}, state, {.state = state, .marked = {key(vip)}, .around = {}}).contains(key(vip)));
    const Record made{{key(rp_filter_0), {rp_filter_2, {rp_filter_0}}}};
    EXPECT_EQ(note_found(made, state, {.state = state, .marked = {}, .around = {}}).at(key(rp_filter_0)),
              made.at(key(rp_filter_0)));
}

TEST(Record, IsReadAsItWasWritten) { EXPECT_EQ(decode(encode(example(), "boot"), "boot"), example()); }

TEST(Record, KeepsHowSomebodysVipHadBeenAdded) {
    const Vip::Manner manner{.length = 24, .scope = 253, .flags = 0x80, .label = "lo:web", .protocol = 3};
    const Vip found{*netlink::Prefix::parse("192.0.2.1"), manner};
    const Vip wanted{found.prefix};
    const HostState state{{key(found), found}};
    const Record noted = note_found({}, {{key(wanted), wanted}}, {.state = state, .marked = {}, .around = {}});
    const auto read = decode(encode(noted, "boot"), "boot");
    ASSERT_TRUE(read && *read);
    EXPECT_EQ(std::get<Vip>((*read)->at(key(found)).original.value()).manner, manner);
    EXPECT_EQ(std::get<Vip>((*read)->at(key(found)).ours.front()).manner, std::nullopt);
}

TEST(Record, OfAnEarlierVersionSaysOnlyThatTheVipIsSomebodys) {
    const auto read = decode(R"({"version": 1, "boot": "boot", "entries": [
        {"original": {"kind": "vip", "prefix": "192.0.2.1/32"}, "ours": [{"kind": "vip", "prefix": "192.0.2.1/32"}]}]})",
                             "boot");
    ASSERT_TRUE(read && *read);
    EXPECT_TRUE(std::get<Vip>((*read)->at({Kind::vip, "192.0.2.1"}).original.value()).manner);
}

TEST(Record, OfAnEarlierBootIsNone) { EXPECT_EQ(decode(encode(example(), "earlier"), "now"), std::nullopt); }

TEST(Record, OfANewerVersionIsRefused) {
    const auto result = decode(R"({"version": 2, "boot": "boot", "entries": {}})", "boot");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), "version 2 is unknown: this realserver writes version 1");
}

TEST(Record, ThatIsDamagedIsRefused) {
    for (
        const char* text :
        {"", "null", "[]", "{}", R"({"version": "1"})", R"({"version": 1, "boot": 1, "entries": []})",
         R"({"version": 1, "boot": "boot"})", R"({"version": 1, "boot": "boot", "entries": [1]})",
         R"({"version": 1, "boot": "boot", "entries": [{"original": null, "ours": []}]})",
         R"({"version": 1, "boot": "boot", "entries": [{"original": null, "ours": [{"kind": "vip"}]}]})",
         R"({"version": 1, "boot": "boot", "entries": [{"original": null, "ours": [{"kind": "vip", "prefix": "x"}]}]})",
         R"({"version": 1, "boot": "boot", "entries": [{"original": null, "ours": [{"kind": "gizmo"}]}]})"}) {
        const auto result = decode(text, "boot");
        ASSERT_FALSE(result) << text;
        EXPECT_TRUE(result.error().starts_with("damaged: ")) << result.error();
    }
}

RC_GTEST_PROP(RecordProperty, ACutIsNoticed, ()) {
    const std::string whole = encode(example(), "boot");
    const auto size = *rc::gen::inRange<std::size_t>(0, whole.find_last_of('}'));
    RC_ASSERT(!decode(whole.substr(0, size), "boot"));
}

RC_GTEST_PROP(RecordProperty, GarbageIsNoDisaster, ()) {
    std::string text = encode(example(), "boot");
    for (int i = *rc::gen::inRange(1, 9); i > 0; --i)
        text.at(*rc::gen::inRange<std::size_t>(0, text.size())) = *rc::gen::arbitrary<char>();
    (void)decode(text, "boot");
}

class RecordFiles : public testing::Test {
  protected:
    RecordFiles() {
        std::string name = "/dev/shm/culvert-record.XXXXXX";
        directory_ = mkdtemp(name.data());
    }
    ~RecordFiles() override { std::filesystem::remove_all(directory_); }

    std::filesystem::path directory_;
};

TEST_F(RecordFiles, AreOneForEachNamespace) {
    const RecordFile first(directory_ / "made", 1);
    const RecordFile second(directory_ / "made", 2);
    EXPECT_EQ(first.load(), std::nullopt);
    ASSERT_TRUE(first.save(example()));
    EXPECT_EQ(first.load(), example());
    EXPECT_EQ(second.load(), std::nullopt);
    ASSERT_TRUE(first.save({}));
    EXPECT_EQ(first.load(), Record{});
    ASSERT_TRUE(first.remove());
    EXPECT_EQ(first.load(), std::nullopt);
    EXPECT_TRUE(first.remove());
    EXPECT_TRUE(std::filesystem::is_empty(directory_ / "made"));
}

TEST_F(RecordFiles, ThatAreDamagedSayWhatToDo) {
    std::ofstream(directory_ / "1.json") << "{";
    const auto result = RecordFile(directory_, 1).load();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().object, (directory_ / "1.json").string());
    EXPECT_EQ(result.error().cure, "remove the file: only the former values of sysctls are lost");
}

}  // namespace
}  // namespace culvert::realserver
