// SPDX-License-Identifier: Apache-2.0
// Messages of other balancers, made of arbitrary bytes. What is accepted is within the limits, and comes back the same
// when it is sent on.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <variant>

#include "lbd/cluster/message.hpp"

namespace {

using namespace culvert::lbd;

void require(bool holds) {
    if (!holds) std::abort();
}

void check(const Exceptions& exceptions) {
    require(exceptions.moving.size() + exceptions.records.size() <= most_records);
    for (const auto& slot : exceptions.moving)
        require(slot.slot < exceptions.slots &&
                (slot.former == LB_NO_FORMER || slot.former < exceptions.backends.size()));
    for (const auto& record : exceptions.records)
        require(record.low < exceptions.buckets && record.backend < exceptions.backends.size());
    std::size_t records = 0;
    for (const Exceptions& piece : pieces_of(exceptions)) records += piece.moving.size() + piece.records.size();
    require(records == exceptions.moving.size() + exceptions.records.size());
}
void check(const Views& views) { require(views.views.size() <= most_views && views.gone.size() <= most_views); }
void check(const Lines& lines) { require(lines.lines.size() <= most_lines); }
void check(const TurnoverQuestion& question) {
    std::size_t services = 0;
    for (const auto& about : question.about) {
        services += about.services.size();
        require(!about.services.empty() && about.slots <= most_slots);
        require(about.changes.empty() || about.changes.size() == about.slots);
    }
    require(services <= most_asked);
}
void check(const TurnoverAnswer& answer) { require(answer.of.size() <= most_asked); }
void check(const auto& /*other*/) {}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto message = decode_message({data, size});
    if (!message) {
        require(!message.error().empty());
        return 0;
    }
    if (!*message) return 0;
    std::visit([](const auto& one) { check(one); }, **message);
    const std::string again = encode(**message);
    const auto bytes = std::span(reinterpret_cast<const std::uint8_t*>(again.data()), again.size());
    require(length_of(bytes.first<length_bytes>()) == again.size() - length_bytes);
    require(decode_message(bytes.subspan(length_bytes)) == message);
    return 0;
}
