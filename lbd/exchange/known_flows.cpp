// SPDX-License-Identifier: Apache-2.0
#include "lbd/exchange/known_flows.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "lbd/datapath/flow_table.hpp"

namespace culvert::lbd {
namespace {

std::uint64_t without_time(std::uint64_t entry) {
    // How long the flow has lasted is no news either.
    return entry & ((1ULL << LB_FLOW_TIME_SHIFT) - 1) & ~std::uint64_t{LB_FLOW_AGE_MAX * LB_FLOW_AGE};
}

bool are_of_same_flow(std::uint64_t one, std::uint64_t other) {
    return one != 0 && decode_flow(one).tag == decode_flow(other).tag;
}

}  // namespace

void KnownFlows::Table::set(std::size_t place, const Known& known) {
    entries[place] = known.entry;
    choices[place] = known.choice;
    flags[place] = known.flags;
}

std::optional<std::size_t> KnownFlows::Table::find(std::size_t place, std::uint64_t entry) const {
    if (are_of_same_flow(entries[place], entry)) return place;
    const std::size_t first = place / LB_FLOW_WAYS * LB_FLOW_WAYS;
    for (std::size_t other = first; other < first + LB_FLOW_WAYS; ++other)
        if (are_of_same_flow(entries[other], entry)) return other;
    return std::nullopt;
}

bool KnownFlows::follow(FlowPart part, std::size_t capacity) {
    if (part.is_changing()) return false;  // later
    if (present_.part == part && present_.capacity == capacity) return false;
    const std::size_t places = (capacity >> part.shift) * LB_FLOW_WAYS;
    former_ = std::exchange(present_, {.part = part,
                                       .capacity = capacity,
                                       .entries = std::vector<std::uint64_t>(places),
                                       .choices = std::vector<Choice>(places),
                                       .flags = std::vector<std::uint8_t>(places)});
    return true;
}

KnownFlows::Known KnownFlows::find(std::size_t place, std::uint64_t entry) const {
    if (place >= present_.entries.size()) return {};
    if (const auto known = present_.find(place, entry)) return present_.at(*known);
    Known found;
    if (former_.empty()) return found;
    for_each_bucket_of(static_cast<std::uint32_t>(place / LB_FLOW_WAYS), known_of_hash(present_.capacity),
                       decode_flow(entry).tag, former_.capacity, former_.part.shift, [&](std::size_t bucket) {
                           if (const auto known = former_.find(bucket * LB_FLOW_WAYS, entry))
                               found = former_.at(*known);
                       });
    return found;
}

void KnownFlows::keep(std::size_t place, std::uint64_t entry) {
    if (former_.empty() || place >= present_.entries.size() || present_.find(place, entry)) return;
    if (const Known known = find(place, entry); known.entry != 0) set(place, known);
}

void KnownFlows::set(std::size_t place, const Known& known) {
    if (place >= present_.entries.size()) return;
    // What was known of the flow that had this place stays in the bucket.
    if (const auto other = present_.find(place, known.entry); other && *other != place)
        present_.set(*other, present_.at(place));
    present_.set(place, known);
}

bool KnownFlows::is_news(std::size_t place, std::uint64_t entry, std::uint16_t now, std::uint16_t refresh) const {
    const Known known = find(place, entry);
    if ((known.flags & is_told_) == 0) return true;
    if (known.entry == entry) return false;
    if (without_time(known.entry) != without_time(entry)) return true;
    const std::uint16_t then = decode_flow(known.entry).time;
    return decode_flow(entry).time != then && FlowClock::age(then, now) >= refresh;
}

Choice KnownFlows::choice(std::size_t place, std::uint64_t entry) const {
    const Known known = find(place, entry);
    const auto now = Choice::time_of(std::chrono::system_clock::now());
    if (known.entry != 0 && decode_flow(known.entry).dest != decode_flow(entry).dest) return known.choice.next(now);
    return known.choice.is_said() ? known.choice : Choice::first(now);
}

bool KnownFlows::is_heard(std::size_t place, std::uint64_t entry) const {
    const Known known = find(place, entry);
    return known.entry == entry && (known.flags & is_heard_) != 0;
}

bool KnownFlows::is_others(std::size_t place, std::uint64_t entry) const {
    const Known known = find(place, entry);
    return known.entry == entry && (known.flags & is_others_) != 0;
}

Choice KnownFlows::told(std::size_t place, std::uint64_t entry) {
    const auto heard = static_cast<std::uint8_t>(is_heard(place, entry) ? is_heard_ : 0);
    const Known known{entry, choice(place, entry), static_cast<std::uint8_t>(is_told_ | heard)};
    set(place, known);
    return known.choice;
}

void KnownFlows::heard(std::size_t place, std::uint64_t entry, Choice choice) {
    set(place, {entry, choice, is_told_ | is_heard_ | is_others_});
}

void KnownFlows::agreed(std::size_t place, std::uint64_t entry, Choice choice) {
    Known known = find(place, entry);
    if (known.entry == 0) known.entry = entry;
    // If it has left another backend meanwhile, that is still to be found out.
    if (decode_flow(known.entry).dest != decode_flow(entry).dest) return;
    known.choice = known.choice.merged(choice);
    set(place, known);
}

void KnownFlows::tell_again(std::size_t place, std::uint64_t entry) {
    Known known = find(place, entry);
    if (known.entry == 0) return;
    known.flags &= static_cast<std::uint8_t>(~is_told_);
    set(place, known);
}

void KnownFlows::tell_all_again() {
    for (Table* table : {&present_, &former_})
        for (std::uint8_t& flags : table->flags) flags &= static_cast<std::uint8_t>(~is_told_);
}

void KnownFlows::forget_peers() {
    for (Table* table : {&present_, &former_})
        for (std::uint8_t& flags : table->flags) flags &= static_cast<std::uint8_t>(~is_others_);
}

}  // namespace culvert::lbd
