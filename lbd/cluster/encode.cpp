// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "lbd/cluster/message.hpp"
#include "lbd/cluster/wire.hpp"
#include "lbd/cluster/wire_types.hpp"

namespace culvert::lbd {
namespace {

using wire::Type;

class Encoder {
  public:
    Type operator()(const Hello& hello) {
        out_.put(hello.oldest);
        out_.put(hello.newest);
        out_.put(hello.instance);
        const auto address = hello.from.bytes();
        out_.put({reinterpret_cast<const char*>(address.data()), address.size()}, address.size());
        out_.put(hello.name, wire::longest_name);
        out_.put(hello.version, wire::longest_name);
        out_.put(hello.hash_key, wire::longest_name);
        out_.put(hello.flow_entries);
        return Type::hello;
    }
    Type operator()(const Chosen& /*chosen*/) { return Type::chosen; }
    Type operator()(const Views& views) {
        out_.put(flags(views.anew, views.whole));
        size(views.views);
        for (const Views::View& view : views.views) {
            out_.put(view.service, wire::longest_name);
            out_.put(view.table);
            out_.put(view.whole);
            out_.put(view.idle);
        }
        names(views.gone);
        return Type::views;
    }
    Type operator()(const Ask& ask) {
        out_.put(ask.service, wire::longest_name);
        return Type::ask;
    }
    Type operator()(const Lines& lines) {
        out_.put(lines.service, wire::longest_name);
        out_.put(lines.whole);
        out_.put(flags(lines.first, lines.last));
        size(lines.lines);
        for (const ViewLine& line : lines.lines) {
            out_.put(line.key, wire::longest_key);
            out_.put(line.value, wire::longest_value);
        }
        return Type::lines;
    }
    Type operator()(const Exceptions& exceptions) {
        names(exceptions.services);
        names(exceptions.backends);
        out_.put(exceptions.slots);
        size(exceptions.moving);
        for (const Exceptions::Slot& slot : exceptions.moving) {
            out_.put(slot.slot);
            out_.put(slot.former);
            out_.put(slot.age);
        }
        out_.put(exceptions.buckets);
        size(exceptions.records);
        for (const Exceptions::Record& record : exceptions.records) {
            out_.put(record.low);
            out_.put(record.tag);
            out_.put(record.backend);
            out_.put(record.age);
        }
        out_.put(exceptions.table_size);
        size(exceptions.weights);
        for (const std::uint32_t weight : exceptions.weights) out_.put(weight);
        size(exceptions.records);
        for (const Exceptions::Record& record : exceptions.records) out_.put(record.choice.bits());
        return Type::exceptions;
    }
    Type operator()(const AllSent& /*sent*/) { return Type::all_sent; }
    Type operator()(const Ping& ping) {
        out_.put(ping.number);
        return Type::ping;
    }
    Type operator()(const Pong& pong) {
        out_.put(pong.number);
        return Type::pong;
    }
    Type operator()(const Bye& bye) {
        out_.put(bye.reason, wire::longest_reason);
        return Type::bye;
    }
    Type operator()(const TurnoverQuestion& question) {
        out_.put(question.number);
        size(question.about);
        for (const TurnoverQuestion::About& about : question.about) {
            names(about.services);
            out_.put(about.table);
            out_.put(about.slots);
            bits(about.changes);
            names(about.lost);
            out_.put(flags(about.follows_table, about.by_client));
        }
        return Type::turnover_question;
    }
    Type operator()(const TurnoverAnswer& answer) {
        out_.put(answer.number);
        size(answer.of);
        for (const auto& [state, count] : answer.of) {
            out_.put(static_cast<std::uint8_t>(state));
            out_.put(count.live);
            out_.put(count.stay);
            out_.put(count.move);
            out_.put(flags(count.estimated, false));
        }
        return Type::turnover_answer;
    }

    [[nodiscard]] std::string take() && { return std::move(out_).take(); }

  private:
    static std::uint8_t flags(bool first, bool second) {
        return static_cast<std::uint8_t>((first ? 1 : 0) | (second ? 2 : 0));
    }
    template <typename List>
    void size(const List& list) {
        out_.put(static_cast<std::uint32_t>(list.size()));
    }
    /// Eight in a byte, the first one in its lowest bit.
    void bits(const std::vector<bool>& list) {
        std::vector<std::uint8_t> bytes((list.size() + 7) / 8);
        for (std::size_t i = 0; i < list.size(); ++i)
            if (list[i]) bytes[i / 8] |= static_cast<std::uint8_t>(1U << i % 8);
        size(bytes);
        for (const std::uint8_t byte : bytes) out_.put(byte);
    }
    void names(const std::vector<std::string>& list) {
        size(list);
        for (const std::string& name : list) out_.put(name, wire::longest_name);
    }

    WireWriter out_;
};

/// A part of exceptions, to which records and slots are added.
class Piece {
  public:
    explicit Piece(const Exceptions& whole) : whole_(whole) { begin(); }

    void add(Exceptions::Slot slot) {
        if (slot.former != LB_NO_FORMER) slot.former = index(slot.former);
        piece_.moving.push_back(slot);
        if (is_full()) finish();
    }
    void add(Exceptions::Record record) {
        record.backend = index(record.backend);
        piece_.records.push_back(record);
        if (is_full()) finish();
    }
    [[nodiscard]] std::vector<Exceptions> take() && {
        if (!piece_.moving.empty() || !piece_.records.empty() || done_.empty()) finish();
        return std::move(done_);
    }

  private:
    void begin() {
        piece_ = {.services = whole_.services,
                  .backends = {},
                  .slots = whole_.slots,
                  .moving = {},
                  .buckets = whole_.buckets,
                  .records = {}};
        known_.clear();
    }
    [[nodiscard]] bool is_full() const { return piece_.moving.size() + piece_.records.size() >= most_records; }
    void finish() {
        done_.push_back(std::move(piece_));
        begin();
    }
    std::uint16_t index(std::uint16_t backend) {
        const auto [known, is_new] = known_.try_emplace(backend, static_cast<std::uint16_t>(piece_.backends.size()));
        if (is_new) piece_.backends.push_back(whole_.backends.at(backend));
        return known->second;
    }

    const Exceptions& whole_;
    Exceptions piece_;
    std::map<std::uint16_t, std::uint16_t> known_;  // from an index in the whole to one in the piece
    std::vector<Exceptions> done_;
};

}  // namespace

std::string encode(const Message& message) {
    Encoder encoder;
    const Type type = std::visit(encoder, message);
    const std::string fields = std::move(encoder).take();
    WireWriter whole;
    whole.put(static_cast<std::uint32_t>(sizeof(Type) + fields.size()));
    whole.put(static_cast<std::uint16_t>(type));
    return std::move(whole).take() + fields;
}

std::vector<Exceptions> pieces_of(const Exceptions& exceptions) {
    if (exceptions.services.size() > most_services) {
        Exceptions part = exceptions;
        part.services.resize(most_services);
        std::vector<Exceptions> pieces = pieces_of(part);
        Exceptions rest = exceptions;
        rest.services.erase(rest.services.begin(), rest.services.begin() + most_services);
        rest.records.clear();
        std::ranges::move(pieces_of(rest), std::back_inserter(pieces));
        return pieces;
    }
    const std::size_t records = exceptions.moving.size() + exceptions.records.size();
    // A table needs all its backends.
    if (records == 0 || (records <= most_records && exceptions.backends.size() <= most_records)) return {exceptions};
    Piece piece(exceptions);
    for (const Exceptions::Slot& slot : exceptions.moving) piece.add(slot);
    for (const Exceptions::Record& record : exceptions.records) piece.add(record);
    return std::move(piece).take();
}

}  // namespace culvert::lbd
