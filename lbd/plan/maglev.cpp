// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/maglev.hpp"

#include <algorithm>
#include <queue>
#include <string_view>

namespace culvert::lbd {
namespace {

/// FNV-1a (RFC 9923), then the finalizer of MurmurHash3, without which similar names have similar hashes. It must never
/// change, as balancers of all versions and machines must make the same tables.
std::uint64_t hash(std::string_view text, std::uint64_t seed) {
    std::uint64_t h = 0xcbf29ce484222325ULL ^ seed;
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return h ^ (h >> 33);
}

/// The turns of a contender. It asks for entries in the order offset, offset + skip, offset + 2 skip, … modulo the
/// size.
struct Turns {
    const Contender* contender;
    std::uint64_t order;  // decides between turns at the same time
    std::uint32_t next;   // the entry to ask for next
    std::uint32_t skip;
    std::uint64_t taken = 0;

    Turns(const Contender& who, std::uint32_t size)
        : contender(&who),
          order(hash(who.name, 0)),
          next(static_cast<std::uint32_t>(order % size)),
          skip(static_cast<std::uint32_t>(hash(who.name, 1) % (size - 1)) + 1) {}

    /// Turn k of a contender with weight w is at time (k + 1) / w, whoever else competes. So the turns of the others
    /// keep their order when one goes.
    [[nodiscard]] bool is_after(const Turns& other) const {
        const std::uint64_t mine = (taken + 1) * other.contender->weight;
        const std::uint64_t theirs = (other.taken + 1) * contender->weight;
        if (mine != theirs) return mine > theirs;
        if (order != other.order) return order > other.order;
        return contender->name > other.contender->name;
    }
};

}  // namespace

std::vector<std::uint16_t> maglev_table(std::span<const Contender> contenders, std::uint32_t size) {
    constexpr auto later = [](const Turns& a, const Turns& b) { return a.is_after(b); };
    std::vector<Turns> competing;
    for (const Contender& contender : contenders)
        if (contender.weight > 0) competing.emplace_back(contender, size);
    if (competing.empty()) return {};

    std::priority_queue queue(later, std::move(competing));
    std::vector<std::uint16_t> table(size);
    std::vector<bool> filled(size);
    for (std::uint32_t entries = 0; entries < size; ++entries) {
        Turns turn = queue.top();
        queue.pop();
        const auto advance = [&] {
            turn.next += turn.skip;
            if (turn.next >= size) turn.next -= size;
        };
        while (filled[turn.next]) advance();
        filled[turn.next] = true;
        table[turn.next] = turn.contender->value;
        advance();
        ++turn.taken;
        queue.push(turn);
    }
    return table;
}

}  // namespace culvert::lbd
