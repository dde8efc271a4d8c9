// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "lbd/cluster/message.hpp"
#include "lbd/cluster/wire.hpp"
#include "lbd/cluster/wire_types.hpp"

namespace culvert::lbd {
namespace {

using wire::Type;

constexpr std::uint32_t most_weight = 100U * UINT16_MAX;  // in percent, while a backend starts slowly
constexpr std::uint32_t most_buckets = 1U << 30;          // likewise, the largest flow table

bool first(std::uint8_t flags) { return (flags & 1) != 0; }
bool second(std::uint8_t flags) { return (flags & 2) != 0; }

std::vector<std::string> names(WireReader& in, std::size_t most) {
    std::vector<std::string> list(in.count(sizeof(std::uint16_t), most));
    for (std::string& name : list) name = in.text(wire::longest_name);
    return list;
}

Message hello(WireReader& in) {
    Hello hello;
    hello.oldest = in.get<std::uint16_t>();
    hello.newest = in.get<std::uint16_t>();
    hello.instance = in.get<std::uint64_t>();
    const std::string address = in.bytes(16);
    const auto from =
        netlink::IpAddress::from_bytes({reinterpret_cast<const std::uint8_t*>(address.data()), address.size()});
    if (from)
        hello.from = *from;
    else
        in.fail();
    hello.name = in.text(wire::longest_name);
    hello.version = in.text(wire::longest_name);
    hello.hash_key = in.text(wire::longest_name);
    hello.flow_entries = in.get<std::uint64_t>();
    if (hello.oldest > hello.newest) in.fail();
    return hello;
}

Message views(WireReader& in) {
    constexpr std::size_t least = sizeof(std::uint16_t) + 3 * sizeof(std::uint64_t);
    Views views;
    const auto flags = in.get<std::uint8_t>();
    views.anew = first(flags);
    views.whole = second(flags);
    views.views.resize(in.count(least, most_views));
    for (Views::View& view : views.views) {
        view.service = in.text(wire::longest_name);
        view.table = in.get<std::uint64_t>();
        view.whole = in.get<std::uint64_t>();
        view.idle = in.get<std::uint64_t>();
    }
    views.gone = names(in, most_views);
    return views;
}

Message ask(WireReader& in) { return Ask{.service = in.text(wire::longest_name)}; }

Message lines(WireReader& in) {
    Lines lines;
    lines.service = in.text(wire::longest_name);
    lines.whole = in.get<std::uint64_t>();
    const auto flags = in.get<std::uint8_t>();
    lines.first = first(flags);
    lines.last = second(flags);
    lines.lines.resize(in.count(2 * sizeof(std::uint16_t), most_lines));
    for (ViewLine& line : lines.lines) {
        line.key = in.text(wire::longest_key);
        line.value = in.text(wire::longest_value);
    }
    return lines;
}

Message exceptions(WireReader& in) {
    Exceptions read;
    read.services = names(in, most_services);
    if (read.services.empty()) in.fail();
    read.backends = names(in, UINT16_MAX);
    read.slots = in.get<std::uint32_t>();
    if (read.slots > most_slots) in.fail();
    read.moving.resize(in.count(sizeof(std::uint32_t) + 2 * sizeof(std::uint16_t), most_records));
    std::int64_t last = -1;  // a slot that comes twice would cost time again
    for (Exceptions::Slot& slot : read.moving) {
        slot.slot = in.get<std::uint32_t>();
        if (slot.slot <= std::exchange(last, std::int64_t{slot.slot})) in.fail();
        slot.former = in.get<std::uint16_t>();
        slot.age = in.get<std::uint16_t>();
        if (slot.slot >= read.slots) in.fail();
        if (slot.former != LB_NO_FORMER && slot.former >= read.backends.size()) in.fail();
    }
    read.buckets = in.get<std::uint32_t>();
    if (read.buckets > most_buckets) in.fail();
    read.records.resize(
        in.count(2 * sizeof(std::uint32_t) + 2 * sizeof(std::uint16_t), most_records - read.moving.size()));
    for (Exceptions::Record& record : read.records) {
        record.low = in.get<std::uint32_t>();
        record.tag = in.get<std::uint32_t>();
        record.backend = in.get<std::uint16_t>();
        record.age = in.get<std::uint16_t>();
        if (record.low >= read.buckets || record.backend >= read.backends.size()) in.fail();
    }
    read.table_size = in.get<std::uint32_t>();
    if (read.table_size > most_slots) in.fail();
    read.weights.resize(in.count(sizeof(std::uint32_t), read.backends.size()));
    for (std::uint32_t& weight : read.weights) {
        weight = in.get<std::uint32_t>();
        if (weight > most_weight) in.fail();
    }
    if (in.is_at_end()) return read;  // version 2
    if (in.count(sizeof(std::uint32_t), read.records.size()) != read.records.size()) in.fail();
    for (Exceptions::Record& record : read.records) record.choice = Choice::of_bits(in.get<std::uint32_t>());
    return read;
}

std::vector<bool> bits(WireReader& in, std::size_t number) {
    const std::size_t bytes = in.count(sizeof(std::uint8_t), (number + 7) / 8);
    if (bytes != 0 && bytes != (number + 7) / 8) in.fail();
    std::vector<bool> list(in.failed() || bytes == 0 ? 0 : number);
    for (std::size_t i = 0; i < list.size(); i += 8) {
        const auto byte = in.get<std::uint8_t>();
        for (std::size_t bit = 0; bit < 8 && i + bit < list.size(); ++bit) list[i + bit] = (byte >> bit & 1) != 0;
    }
    return list;
}

Message turnover_question(WireReader& in) {
    constexpr std::size_t least = sizeof(std::uint64_t) + 4 * sizeof(std::uint32_t) + sizeof(std::uint8_t);
    TurnoverQuestion question;
    question.number = in.get<std::uint64_t>();
    question.about.resize(in.count(least, most_asked));
    std::set<std::string_view> services;  // one that comes twice would cost time again
    for (TurnoverQuestion::About& about : question.about) {
        about.services = names(in, most_asked - services.size());
        for (const std::string& name : about.services)
            if (!services.insert(name).second) in.fail();
        if (about.services.empty()) in.fail();
        about.table = in.get<std::uint64_t>();
        about.slots = in.get<std::uint32_t>();
        if (about.slots > most_slots) in.fail();
        about.changes = bits(in, about.slots);
        about.lost = names(in, UINT16_MAX);
        const auto flags = in.get<std::uint8_t>();
        about.follows_table = first(flags);
        about.by_client = second(flags);
    }
    return question;
}

Message turnover_answer(WireReader& in) {
    TurnoverAnswer answer;
    answer.number = in.get<std::uint64_t>();
    answer.of.resize(in.count(3 * sizeof(std::uint64_t) + 2 * sizeof(std::uint8_t), most_asked));
    for (auto& [state, count] : answer.of) {
        const auto told = in.get<std::uint8_t>();
        if (told > static_cast<std::uint8_t>(TurnoverAnswer::State::other_table)) in.fail();
        state = static_cast<TurnoverAnswer::State>(told);
        count.live = in.get<std::uint64_t>();
        count.stay = in.get<std::uint64_t>();
        count.move = in.get<std::uint64_t>();
        count.estimated = first(in.get<std::uint8_t>());
    }
    return answer;
}

std::optional<Message> fields(Type type, WireReader& in) {
    switch (type) {
        case Type::hello:
            return hello(in);
        case Type::chosen:
            return Chosen{};
        case Type::views:
            return views(in);
        case Type::ask:
            return ask(in);
        case Type::lines:
            return lines(in);
        case Type::exceptions:
            return exceptions(in);
        case Type::all_sent:
            return AllSent{};
        case Type::ping:
            return Ping{.number = in.get<std::uint64_t>()};
        case Type::pong:
            return Pong{.number = in.get<std::uint64_t>()};
        case Type::bye:
            return Bye{.reason = in.text(wire::longest_reason)};
        case Type::turnover_question:
            return turnover_question(in);
        case Type::turnover_answer:
            return turnover_answer(in);
    }
    return std::nullopt;
}

}  // namespace

std::size_t length_of(std::span<const std::uint8_t, length_bytes> bytes) {
    return WireReader(bytes).get<std::uint32_t>();
}

tl::expected<std::optional<Message>, std::string> decode_message(std::span<const std::uint8_t> bytes) {
    WireReader in(bytes);
    const auto type = in.get<std::uint16_t>();
    auto message = fields(static_cast<Type>(type), in);
    if (in.failed()) return tl::unexpected("a message of type " + std::to_string(type) + " is damaged");
    return message;
}

}  // namespace culvert::lbd
