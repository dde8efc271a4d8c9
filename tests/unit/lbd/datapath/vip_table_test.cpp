// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/vip_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <span>

namespace culvert::lbd {
namespace {

/// Looks up a key as the data plane does, in independent code.
template <typename Line, typename Key>
std::optional<std::uint32_t> lookup(std::span<const Line> lines, const Key& key, std::uint64_t hash) {
    const auto in = [&](const Line& line) -> std::optional<std::uint32_t> {
        for (std::size_t way = 0; way < std::size(line.key); ++way)
            if ((line.used >> way & 1) != 0 && std::memcmp(&line.key[way], &key, sizeof key) == 0)
                return line.service[way].ring;
        return std::nullopt;
    };
    const Line& first = lines[hash >> 32 & (lines.size() - 1)];
    const auto found = in(first);
    return found || first.spilled == 0 ? found : in(lines[hash & (lines.size() - 1)]);
}

std::optional<std::uint32_t> find(std::span<const lb_vip4_line> lines, const lb_vip4& key) {
    return lookup(lines, key, lb_vip4_hash(&key));
}
std::optional<std::uint32_t> find(std::span<const lb_vip6_line> lines, const lb_vip6& key) {
    return lookup(lines, key, lb_vip6_hash(&key));
}

lb_service service(std::uint32_t ring) {
    lb_service value{};
    value.ring = ring;
    return value;
}

/// Key number `i`. The addresses are consecutive, as in practice.
template <typename Key>
Key numbered(std::uint32_t i, std::uint16_t port) {
    Key key{};
    key.address[0] = 10;
    for (std::size_t byte = 1; byte <= 3; ++byte)
        key.address[std::size(key.address) - byte] = static_cast<std::uint8_t>(i >> 8 * (byte - 1));
    key.port_be = port;
    key.protocol = 6;
    return key;
}

template <typename Key>
std::vector<std::pair<Key, lb_service>> numbered_entries(std::uint32_t count) {
    std::vector<std::pair<Key, lb_service>> entries;
    for (std::uint32_t i = 0; i < count; ++i)
        entries.emplace_back(numbered<Key>(i / 2, i % 2 ? 80 : 0), service(i + 1));
    return entries;
}

template <typename Line, typename Key>
void expect_all_found(const std::vector<Line>& lines, const std::vector<std::pair<Key, lb_service>>& entries) {
    for (const auto& [key, value] : entries) EXPECT_EQ(find(lines, key), value.ring);
    for (std::uint32_t i = 0; i < entries.size(); ++i) EXPECT_EQ(find(lines, numbered<Key>(i, 443)), std::nullopt);
}

TEST(VipTable, FindsEveryKeyAndNoOther) {
    for (const std::uint32_t count : {0U, 1U, 2U, 100U, 1024U, 20'000U}) {
        const auto entries4 = numbered_entries<lb_vip4>(count);
        const auto lines4 = vip4_table(entries4, 1U << 15);
        ASSERT_EQ(lines4.size(), 1U << 15);
        expect_all_found(lines4, entries4);
        const auto entries6 = numbered_entries<lb_vip6>(count);
        const auto lines6 = vip6_table(entries6, 1U << 15);
        ASSERT_EQ(lines6.size(), 1U << 15);
        expect_all_found(lines6, entries6);
    }
}

TEST(VipTable, HasRoomForAsManyKeysAsLines) {
    std::mt19937 random(20250101);
    for (int round = 0; round < 200; ++round) {
        std::set<std::uint32_t> addresses;
        while (addresses.size() < 256) addresses.insert(static_cast<std::uint32_t>(random()));
        std::vector<Vip4Entry> entries;
        for (const std::uint32_t address : addresses) {
            lb_vip4 key{};
            std::memcpy(key.address, &address, sizeof address);
            entries.emplace_back(key, service(address));
        }
        const auto lines = vip4_table(entries, 256);
        ASSERT_FALSE(lines.empty()) << "round " << round;
        for (const auto& [key, value] : entries) EXPECT_EQ(find(lines, key), value.ring);
    }
}

/// Many edits, one after the other, in a fairly full table.
template <typename Line>
void expect_edits_to_be_as_made_anew(std::uint32_t count, std::uint32_t lines) {
    using Key = typename VipHalves<Line>::Key;
    std::mt19937 random(20250102);
    std::vector<Line> map(2 * std::size_t{lines});
    std::map<std::uint32_t, std::uint32_t> expected;  // ring by number
    VipHalves<Line> halves;
    std::uint32_t present = 0;
    for (int round = 0; round < 300; ++round) {
        auto next = expected;
        std::vector<Key> removed;
        std::vector<std::pair<Key, lb_service>> entered;
        std::set<std::uint32_t> touched;
        for (std::uint32_t i = round == 0 ? count : 20; i > 0; --i) {
            const auto number = static_cast<std::uint32_t>(random() % count);
            if (!touched.insert(number).second) continue;
            if (random() % 4 == 0) {
                removed.push_back(numbered<Key>(number, 80));
                next.erase(number);
            } else {
                next[number] = static_cast<std::uint32_t>(random() % 1000);
                entered.emplace_back(numbered<Key>(number, 80), service(next[number]));
            }
        }
        ASSERT_TRUE(halves.edit(map, present, removed, entered)) << "round " << round;
        if (round % 7 == 3) continue;  // as if another step had failed: the next edit starts from the same half
        present = 1 - present;
        expected = std::move(next);
        const std::span<const Line> half = half_of(std::span(map), present);
        ASSERT_EQ(vip_entries(half).size(), expected.size()) << "round " << round;
        for (std::uint32_t number = 0; number < count; ++number) {
            const auto known = expected.find(number);
            ASSERT_EQ(find(half, numbered<Key>(number, 80)),
                      known == expected.end() ? std::nullopt : std::optional(known->second))
                << "round " << round;
        }
    }
}

TEST(VipHalves, EditedTheyAreAsIfMadeAnew) {
    expect_edits_to_be_as_made_anew<lb_vip4_line>(1000, 1024);
    expect_edits_to_be_as_made_anew<lb_vip6_line>(1000, 1024);
}

TEST(VipHalves, NoKeySpillsForEver) {
    std::vector<lb_vip4_line> map(2 * 64);
    VipHalves<lb_vip4_line> halves;
    const auto entries = numbered_entries<lb_vip4>(100);
    ASSERT_TRUE(halves.edit(map, 0, {}, entries));
    EXPECT_GT(std::ranges::max(map, {}, &lb_vip4_line::spilled).spilled, 0U);
    std::vector<lb_vip4> keys;
    for (const auto& [key, value] : entries) keys.push_back(key);
    ASSERT_TRUE(halves.edit(map, 1, keys, {}));
    for (const lb_vip4_line& line : half_of(std::span(map), 0)) EXPECT_EQ(line.spilled, 0U);
}

/// An earlier lbd stored only whether any key had spilled.
TEST(VipHalves, WhatWasWrittenBeforeIsCounted) {
    std::vector<lb_vip4_line> map(2 * 64);
    const auto entries = numbered_entries<lb_vip4>(100);
    ASSERT_TRUE(VipHalves<lb_vip4_line>().edit(map, 1, {}, entries));
    for (lb_vip4_line& line : map) line.spilled = line.spilled == 0 ? 0 : 1;
    VipHalves<lb_vip4_line> halves;
    ASSERT_TRUE(halves.edit(map, 0, std::vector{entries.front().first}, {}));
    for (const auto& [key, value] : std::span(entries).subspan(1))
        EXPECT_EQ(find(half_of(std::span(map), 1), key), value.ring);
}

TEST(VipHalves, AnEditThatDoesNotFitLeavesThePresentHalf) {
    std::vector<lb_vip4_line> map(2 * 4);
    VipHalves<lb_vip4_line> halves;
    const auto many = numbered_entries<lb_vip4>(LB_VIP4_WAYS * 4 + 1);
    const auto few = std::span(many).first(4);
    ASSERT_TRUE(halves.edit(map, 0, {}, few));
    EXPECT_FALSE(halves.edit(map, 1, {}, many));
    EXPECT_EQ(vip_entries<lb_vip4_line>(half_of(std::span(map), 1)).size(), few.size());
    ASSERT_TRUE(halves.edit(map, 1, std::vector{few[0].first}, {}));
    EXPECT_EQ(vip_entries<lb_vip4_line>(half_of(std::span(map), 0)).size(), few.size() - 1);
}

TEST(VipTable, SaysWhenItIsFull) {
    EXPECT_EQ(vip4_table(numbered_entries<lb_vip4>(LB_VIP4_WAYS * 4), 4).size(), 4U);
    EXPECT_TRUE(vip4_table(numbered_entries<lb_vip4>(LB_VIP4_WAYS * 4 + 1), 4).empty());
    EXPECT_TRUE(vip6_table(numbered_entries<lb_vip6>(LB_VIP6_WAYS * 4 + 1), 4).empty());
}

TEST(VipTable, FewKeysTakeTheirSecondChoice) {
    const auto entries = numbered_entries<lb_vip4>(20'000);
    std::size_t spilled = 0;
    for (const lb_vip4_line& line : vip4_table(entries, 1U << 16)) spilled += line.spilled;
    EXPECT_LT(spilled, entries.size() / 50);
}

TEST(VipTable, AnEmptyPlaceIsNoKey) {
    EXPECT_EQ(find(vip4_table({}, 4), lb_vip4{}), std::nullopt);
    EXPECT_EQ(find(vip6_table({}, 4), lb_vip6{}), std::nullopt);
}

}  // namespace
}  // namespace culvert::lbd
