// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/message.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using Bytes = std::span<const std::uint8_t>;

Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }
Bytes behind_length(const std::string& message) { return bytes_of(message).subspan(length_bytes); }

Exceptions some_exceptions() {
    return {.services = {"web", "shop"},
            .backends = {"b1", "b2"},
            .slots = 65'537,
            .moving = {{.slot = 0, .former = LB_NO_FORMER, .age = 0}, {.slot = 65'536, .former = 1, .age = 3}},
            .table_size = 65'537,
            .weights = {100, 0},
            .buckets = 4'096,
            .records = {{.low = 4'095, .tag = 0xfedcba98, .backend = 0, .age = 119, .choice = Choice::first(7)}}};
}

/// Of some_exceptions(), behind the length: without the number of choices and the only one.
std::size_t length_in_version_2(const std::string& sent) { return sent.size() - length_bytes - 8; }

std::vector<Message> one_of_each() {
    return {Hello{.instance = 0x0123456789abcdef,
                  .from = address("2001:db8::1"),
                  .name = "lb1",
                  .version = "1.0",
                  .hash_key = "01234567",
                  .flow_entries = 1 << 22},
            Chosen{},
            Views{.anew = true, .whole = false, .views = {{"web", 1, 2, 120'000}, {"dns", 3, 4, 1}}, .gone = {"old"}},
            Ask{.service = "web"},
            Lines{.service = "web", .whole = 7, .first = false, .last = true, .lines = {{"vip", "192.0.2.1"}}},
            some_exceptions(),
            AllSent{},
            Ping{.number = 9},
            Pong{.number = 10},
            Bye{.reason = "lbd stops"},
            TurnoverQuestion{
                .number = 11,
                .about = {{.services = {"web", "shop"},
                           .table = 12,
                           .slots = 11,
                           .changes = {true, false, false, true, false, false, false, false, true, true, false},
                           .lost = {"b1"},
                           .follows_table = true,
                           .by_client = false},
                          {.services = {"dns"}, .table = 1, .slots = 65'537, .by_client = true}}},
            TurnoverAnswer{.number = 11,
                           .of = {{.state = TurnoverAnswer::State::counted,
                                   .count = {.live = 400, .stay = 131, .move = 7, .estimated = true}},
                                  {.state = TurnoverAnswer::State::other_table}}}};
}

TEST(Message, ComesBackAsItWas) {
    for (const Message& message : one_of_each()) {
        const std::string sent = encode(message);
        ASSERT_GE(sent.size(), length_bytes);
        EXPECT_EQ(length_of(bytes_of(sent).first<length_bytes>()), sent.size() - length_bytes);
        const auto read = decode_message(behind_length(sent));
        ASSERT_TRUE(read) << read.error();
        EXPECT_EQ(*read, message) << message.index();
    }
}

TEST(Message, CutShortIsRefusedWhereverItEnds) {
    for (const Message& message : one_of_each()) {
        const std::string sent = encode(message);
        for (std::size_t length = 0; length < sent.size() - length_bytes; ++length) {
            if (std::holds_alternative<Exceptions>(message) && length == length_in_version_2(sent)) continue;
            EXPECT_FALSE(decode_message(behind_length(sent).first(length))) << message.index() << " of " << length;
        }
    }
}

TEST(Message, FieldsOfALaterVersionAreIgnored) {
    for (const Message& message : one_of_each()) {
        const std::string sent = encode(message) + "more";
        EXPECT_EQ(decode_message(behind_length(sent)), message) << message.index();
    }
}

TEST(Message, RecordsOfAnEarlierVersionSayNothingOfChoices) {
    const std::string sent = encode(some_exceptions());
    Exceptions expected = some_exceptions();
    expected.records[0].choice = {};
    EXPECT_EQ(decode_message(behind_length(sent).first(length_in_version_2(sent))), Message(expected));
}

TEST(Message, AnUnknownTypeIsSkipped) {
    const auto read = decode_message(bytes_of(std::string("\x01\xf4what", 6)));
    ASSERT_TRUE(read);
    EXPECT_FALSE(*read);
}

TEST(Message, RefusesListsThatWouldNotFit) {
    std::string sent = encode(Views{});
    sent[sent.size() - 5] = '\x7f';  // the number of services that are gone ends there
    sent[sent.size() - 1] = '\x7f';
    EXPECT_FALSE(decode_message(behind_length(sent)));
    const std::string many = encode(Views{.views = std::vector<Views::View>(most_views + 1)});
    EXPECT_FALSE(decode_message(behind_length(many)));
    Exceptions full = some_exceptions();
    full.records.assign(most_records - 1, full.records.front());
    EXPECT_FALSE(decode_message(behind_length(encode(full)))) << "together with two slots";
}

TEST(Message, RefusesExceptionsThatContradictThemselves) {
    const auto refuses = [](auto&& change) {
        Exceptions exceptions = some_exceptions();
        change(exceptions);
        return !decode_message(behind_length(encode(exceptions)));
    };
    EXPECT_TRUE(refuses([](Exceptions& one) { one.moving[1].slot = one.slots; }));
    EXPECT_TRUE(refuses([](Exceptions& one) { one.moving[1].slot = 0; })) << "twice";
    EXPECT_TRUE(refuses([](Exceptions& one) { one.moving[0].former = 2; }));
    EXPECT_TRUE(refuses([](Exceptions& one) { one.services.clear(); }));
    EXPECT_TRUE(refuses([](Exceptions& one) { one.services.resize(most_services + 1, "web"); }));
    EXPECT_TRUE(refuses([](Exceptions& one) { one.records[0].backend = 2; }));
    EXPECT_TRUE(refuses([](Exceptions& one) { one.records[0].low = one.buckets; }));
    EXPECT_TRUE(refuses([](Exceptions& one) { one.slots = (1U << 24) + 1; }));
    EXPECT_TRUE(refuses([](Exceptions& one) { one.table_size = (1U << 24) + 1; }));
    EXPECT_TRUE(refuses([](Exceptions& one) { one.weights.push_back(1); })) << "of a backend that has no name";
    EXPECT_TRUE(refuses([](Exceptions& one) { one.weights[0] = UINT32_MAX; }));
}

TEST(Message, RefusesQuestionsThatContradictThemselves) {
    const auto names = [](std::size_t count) {
        std::vector<std::string> list;
        for (std::size_t i = 0; i < count; ++i) list.push_back("s" + std::to_string(i));
        return list;
    };
    const auto refuses = [](auto&& change) {
        TurnoverQuestion question{.number = 1, .about = {{.services = {"web"}, .table = 2, .slots = 20}}};
        question.about[0].changes.assign(20, true);
        change(question);
        return !decode_message(behind_length(encode(question)));
    };
    EXPECT_FALSE(refuses([](TurnoverQuestion&) {}));
    EXPECT_TRUE(refuses([](TurnoverQuestion& one) { one.about[0].services.clear(); }));
    EXPECT_FALSE(refuses([&](TurnoverQuestion& one) { one.about[0].services = names(most_asked); }));
    EXPECT_TRUE(refuses([&](TurnoverQuestion& one) { one.about[0].services = names(most_asked + 1); }));
    EXPECT_TRUE(refuses([&](TurnoverQuestion& one) {
        one.about.resize(2, one.about[0]);
        one.about[1].services = names(most_asked);
    })) << "together";
    EXPECT_TRUE(refuses([](TurnoverQuestion& one) { one.about[0].services = {"web", "web"}; })) << "twice";
    EXPECT_TRUE(refuses([](TurnoverQuestion& one) { one.about.resize(2, one.about[0]); })) << "twice";
    EXPECT_TRUE(refuses([](TurnoverQuestion& one) { one.about[0].changes.resize(25); })) << "for more slots";
    EXPECT_TRUE(refuses([](TurnoverQuestion& one) { one.about[0].changes.resize(16); })) << "for fewer";
    EXPECT_TRUE(refuses([](TurnoverQuestion& one) { one.about[0].slots = most_slots + 1; }));
    std::string answer = encode(TurnoverAnswer{.number = 1, .of = {{}}});
    answer[length_bytes + 2 + 8 + 4] = 3;  // the state
    EXPECT_FALSE(decode_message(behind_length(answer)));
}

TEST(Message, RefusesWhatCannotBeShown) {
    EXPECT_FALSE(decode_message(behind_length(encode(Ask{.service = "a\nb"}))));
    EXPECT_FALSE(decode_message(behind_length(encode(Bye{.reason = "\xff"}))));
}

TEST(Message, ManyRecordsAreDividedWithTheBackendsThatTheyName) {
    Exceptions all{
        .services = {"web"}, .backends = {}, .slots = 10'007, .moving = {}, .buckets = 1 << 16, .records = {}};
    for (int i = 0; i < 9'000; ++i) all.backends.push_back("b" + std::to_string(i));
    for (std::uint32_t i = 0; i < 5'000; ++i)
        all.moving.push_back({.slot = i, .former = static_cast<std::uint16_t>(8'999 - i), .age = 1});
    for (std::uint32_t i = 0; i < 4'000; ++i)
        all.records.push_back({.low = i, .tag = i, .backend = static_cast<std::uint16_t>(i), .age = 2});
    std::vector<std::pair<std::uint32_t, std::string>> moving, records;
    const auto pieces = pieces_of(all);
    EXPECT_EQ(pieces.size(), 3U);
    for (const Exceptions& piece : pieces) {
        const auto read = decode_message(behind_length(encode(piece)));
        ASSERT_TRUE(read) << read.error();
        EXPECT_EQ(**read, Message(piece));
        EXPECT_LE(encode(piece).size(), most_message_bytes);
        EXPECT_EQ(piece.slots, all.slots);
        for (const auto& slot : piece.moving) moving.emplace_back(slot.slot, piece.backends[slot.former]);
        for (const auto& record : piece.records) records.emplace_back(record.low, piece.backends[record.backend]);
    }
    ASSERT_EQ(moving.size(), 5'000U);
    ASSERT_EQ(records.size(), 4'000U);
    for (std::uint32_t i = 0; i < 5'000; ++i) EXPECT_EQ(moving[i], std::pair(i, "b" + std::to_string(8'999 - i)));
    for (std::uint32_t i = 0; i < 4'000; ++i) EXPECT_EQ(records[i], std::pair(i, "b" + std::to_string(i)));
    EXPECT_EQ(pieces_of(some_exceptions()), std::vector{some_exceptions()});
}

TEST(Message, TheLargestFitIntoTheLimit) {
    const std::string name(63, 'n');
    EXPECT_LE(encode(Views{.views = std::vector<Views::View>(most_views, {name, 1, 1, 1}),
                           .gone = std::vector<std::string>(most_views, name)})
                  .size(),
              most_message_bytes);
    EXPECT_LE(encode(Lines{.lines = std::vector<ViewLine>(most_lines, {std::string(999, 'k'), std::string(999, 'v')})})
                  .size(),
              most_message_bytes);
}

TEST(Message, ManyServicesAreDividedAndRecordsAreOfTheFirst) {
    Exceptions all = some_exceptions();
    all.services.clear();
    for (int i = 0; i < 2'500; ++i) all.services.push_back("s" + std::to_string(i));
    const auto pieces = pieces_of(all);
    ASSERT_EQ(pieces.size(), 3U);
    std::vector<std::string> services;
    for (const Exceptions& piece : pieces) {
        const auto read = decode_message(behind_length(encode(piece)));
        ASSERT_TRUE(read) << read.error();
        EXPECT_EQ(**read, Message(piece));
        services.insert(services.end(), piece.services.begin(), piece.services.end());
        EXPECT_EQ(piece.moving, all.moving);
        EXPECT_EQ(piece.records.empty(), &piece != pieces.data());
    }
    EXPECT_EQ(services, all.services);
}

}  // namespace
}  // namespace culvert::lbd
