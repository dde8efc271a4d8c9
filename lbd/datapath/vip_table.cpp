// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/vip_table.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace culvert::lbd {

namespace {

std::uint64_t hash(const lb_vip4& key) { return lb_vip4_hash(&key); }
std::uint64_t hash(const lb_vip6& key) { return lb_vip6_hash(&key); }

/// Cuckoo hashing: if both lines of a key are full, it takes the place of another key, which moves to its own other
/// line. `spilled` counts the keys that are not in their first line.
template <typename Line>
class Editor {
  public:
    using Key = typename VipHalves<Line>::Key;

    explicit Editor(std::span<Line> half) : half_(half), mask_(half.size() - 1) {}

    /// Recounts `spilled` in a half where it is only known to be zero or not.
    void count_spilled() {
        for (Line& line : half_) line.spilled = 0;
        for (const Line& line : half_)
            for (std::size_t way = 0; way < ways; ++way)
                if (is_used(line, way) && &first(line.key[way]) != &line) ++first(line.key[way]).spilled;
    }

    void remove(const Key& key) {
        for (Line* const line : {&first(key), &second(key)})
            for (std::size_t way = 0; way < ways; ++way)
                if (is_used(*line, way) && std::memcmp(&line->key[way], &key, sizeof key) == 0) leave(*line, way);
    }

    /// False if no place was found.
    bool add(Key key, lb_service service) {
        constexpr std::size_t most_moves = 500;
        Line* line = &first(key);
        for (std::size_t move = 0; move < most_moves; ++move) {
            if (put(key, service, *line) || put(key, service, other(key, *line))) return true;
            const std::size_t way = move % ways;
            const Key moved = line->key[way];
            const lb_service moved_service = line->service[way];
            leave(*line, way);
            take(*line, way, key, service);
            key = moved;
            service = moved_service;
            line = &other(key, *line);
        }
        return false;
    }

    /// Numbers of the changed lines, with duplicates.
    [[nodiscard]] std::vector<std::size_t> changed() && { return std::move(changed_); }

  private:
    static constexpr std::size_t ways = std::size(Line{}.key);

    static bool is_used(const Line& line, std::size_t way) { return (line.used & 1U << way) != 0; }
    Line& first(const Key& key) { return half_[hash(key) >> 32 & mask_]; }
    Line& second(const Key& key) { return half_[hash(key) & mask_]; }
    Line& other(const Key& key, const Line& line) { return &line == &first(key) ? second(key) : first(key); }
    void note(const Line& line) { changed_.push_back(static_cast<std::size_t>(&line - half_.data())); }

    bool put(const Key& key, const lb_service& service, Line& line) {
        for (std::size_t way = 0; way < ways; ++way) {
            if (is_used(line, way)) continue;
            take(line, way, key, service);
            return true;
        }
        return false;
    }

    void take(Line& line, std::size_t way, const Key& key, const lb_service& service) {
        line.key[way] = key;
        line.service[way] = service;
        line.used |= 1U << way;
        note(line);
        Line& choice = first(key);
        if (&choice == &line) return;
        ++choice.spilled;
        note(choice);
    }

    void leave(Line& line, std::size_t way) {
        line.used &= ~(1U << way);
        note(line);
        Line& choice = first(line.key[way]);
        if (&choice == &line) return;
        --choice.spilled;
        note(choice);
    }

    std::span<Line> half_;
    std::uint64_t mask_;
    std::vector<std::size_t> changed_;
};

template <typename Line, typename Key>
std::vector<Line> table(const std::vector<std::pair<Key, lb_service>>& entries, std::uint32_t lines) {
    std::vector<Line> half(lines);
    Editor<Line> editor(half);
    for (const auto& [key, service] : entries)
        if (!editor.add(key, service)) return {};
    return half;
}

}  // namespace

template <typename Line>
bool VipHalves<Line>::edit(std::span<Line> map, std::uint32_t present, std::span<const Key> removed,
                           std::span<const std::pair<Key, lb_service>> entered) {
    const std::span<const Line> from = half_of(map, present);
    const std::span<Line> to = half_of(map, 1 - present);
    Editor<Line> editor(to);
    if (differing_) {
        for (const std::size_t line : *differing_) to[line] = from[line];
    } else {
        std::ranges::copy(from, to.begin());
        editor.count_spilled();
    }
    differing_.reset();
    for (const Key& key : removed) editor.remove(key);
    for (const auto& [key, service] : entered) {
        editor.remove(key);
        if (!editor.add(key, service)) return false;
    }
    differing_ = std::move(editor).changed();
    return true;
}

template class VipHalves<lb_vip4_line>;
template class VipHalves<lb_vip6_line>;

std::vector<lb_vip4_line> vip4_table(const std::vector<Vip4Entry>& entries, std::uint32_t lines) {
    return table<lb_vip4_line>(entries, lines);
}

std::vector<lb_vip6_line> vip6_table(const std::vector<Vip6Entry>& entries, std::uint32_t lines) {
    return table<lb_vip6_line>(entries, lines);
}

}  // namespace culvert::lbd
