// SPDX-License-Identifier: Apache-2.0
#include "realserver/run/notices.hpp"

#include <gmock/gmock.h>

#include <cerrno>

#include "tests/unit/realserver/simulated_host.hpp"

namespace culvert::realserver {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Item wanted = Vip{*netlink::Prefix::parse("192.0.2.1")};
const Change vip_comes{std::nullopt, wanted};
const HostState with_vip{{key(wanted), wanted}};

netlink::Error error(int code) { return {.operation = "add address", .object = "192.0.2.1", .code = code}; }

std::vector<Notice::Kind> kinds(const std::vector<Notice>& notices) {
    std::vector<Notice::Kind> result;
    for (const Notice& notice : notices) result.push_back(notice.kind);
    return result;
}

Repairs failing(int code) { return {.failed = {{vip_comes, error(code)}}}; }

TEST(Notices, TheFirstTimeIsNoRepair) {
    Notices notices;
    EXPECT_THAT(kinds(notices.of({.made = {vip_comes}, .found = with_vip})), ElementsAre(Notice::Kind::applied));
    EXPECT_THAT(notices.of({.found = with_vip}), IsEmpty());
    EXPECT_THAT(kinds(notices.of({.made = {vip_comes}, .found = with_vip})), ElementsAre(Notice::Kind::repaired));
}

TEST(Notices, WhatWasFoundInOrderIsRepaired) {
    Notices notices;
    EXPECT_THAT(notices.of({.found = with_vip}), IsEmpty());
    EXPECT_THAT(kinds(notices.of({.made = {vip_comes}, .found = with_vip})), ElementsAre(Notice::Kind::repaired));
}

TEST(Notices, AHindranceIsToldOnceAndAgainIfItIsAnother) {
    Notices notices;
    EXPECT_THAT(kinds(notices.of(failing(ENODEV))), ElementsAre(Notice::Kind::waiting));
    EXPECT_THAT(notices.of({.held = {vip_comes}}), IsEmpty());
    EXPECT_THAT(notices.of(failing(ENODEV)), IsEmpty());
    EXPECT_THAT(kinds(notices.of(failing(EACCES))), ElementsAre(Notice::Kind::waiting));
    EXPECT_THAT(kinds(notices.of({.made = {vip_comes}, .found = with_vip})), ElementsAre(Notice::Kind::applied));
    EXPECT_THAT(kinds(notices.of(failing(EACCES))), ElementsAre(Notice::Kind::not_repaired));
}

TEST(Notices, WhatIsHeldWithoutAFailureIsContested) {
    Notices notices;
    (void)notices.of({.made = {vip_comes}, .found = with_vip});
    EXPECT_THAT(kinds(notices.of({.held = {vip_comes}})), ElementsAre(Notice::Kind::contested));
    EXPECT_THAT(kinds(notices.of({.made = {vip_comes}, .found = with_vip})), ElementsAre(Notice::Kind::repaired));
}

// realserver may read the table just before somebody changes it, and receive the report of that change before it reads
// the table again.
TEST(Notices, WhoChangedTheTableIsToldWithItsRepairHoweverManyLooksLater) {
    const Item table = Ruleset{};
    const Change table_comes{std::nullopt, table};
    const HostState all{{key(wanted), wanted}, {key(table), table}};
    const netlink::nft::Transaction theirs{.tables = {"culvert"}, .pid = 42, .program = "nft"};
    Notices notices;
    (void)notices.of({.found = all});
    notices.heard(theirs);
    EXPECT_EQ(notices.of({.made = {vip_comes}, .found = all}).at(0).by, std::nullopt);
    EXPECT_EQ(notices.of({.made = {table_comes}, .found = all}).at(0).by, theirs);
    EXPECT_EQ(notices.of({.made = {table_comes}, .found = all}).at(0).by, std::nullopt);
}

TEST(Notices, KnowsWhatHinders) {
    Notices notices;
    Repairs repairs = failing(ENODEV);
    repairs.conflicts = {{.operation = "choose", .object = "a device for XDP", .code = ENETUNREACH}};
    (void)notices.of(repairs);
    EXPECT_TRUE(notices.is_hindrance(error(ENODEV)));
    EXPECT_TRUE(notices.is_hindrance(repairs.conflicts.front()));
    EXPECT_FALSE(notices.is_hindrance(error(EACCES)));
    (void)notices.of({.found = with_vip});
    EXPECT_FALSE(notices.is_hindrance(error(ENODEV)));
}

}  // namespace
}  // namespace culvert::realserver
