// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/vip_table.hpp"

#include <cstring>
#include <iterator>

namespace culvert::lbd {

namespace {

std::uint64_t hash(const lb_vip4& key) { return lb_vip4_hash(&key); }
std::uint64_t hash(const lb_vip6& key) { return lb_vip6_hash(&key); }

/// Cuckoo hashing: a key that finds both its lines full takes the place of another, which then goes to its other line.
template <typename Line, typename Key>
class Builder {
  public:
    explicit Builder(std::uint32_t lines) : lines_(lines), mask_(lines - 1) {}
    explicit Builder(std::span<const Line> half) : lines_(half.begin(), half.end()), mask_(half.size() - 1) {}

    void remove(const Key& key) {
        for (Line* const line : {&first(key), &second(key)})
            for (std::size_t way = 0; way < ways; ++way)
                if (std::memcmp(&line->key[way], &key, sizeof key) == 0) line->used &= ~(1U << way);
    }

    /// False if no place is found.
    bool add(Key key, lb_service service) {
        constexpr std::size_t most_moves = 500;
        Line* line = &first(key);
        for (std::size_t move = 0; move < most_moves; ++move) {
            if (put(key, service, *line) || put(key, service, other(key, *line))) return true;
            std::swap(key, line->key[move % ways]);
            std::swap(service, line->service[move % ways]);
            line = &other(key, *line);
        }
        return false;
    }

    std::vector<Line> finish() {
        for (Line& line : lines_) line.spilled = 0;
        for (const Line& line : lines_)
            for (std::size_t way = 0; way < ways; ++way)
                if ((line.used & 1U << way) != 0 && &first(line.key[way]) != &line) first(line.key[way]).spilled = 1;
        return std::move(lines_);
    }

  private:
    static constexpr std::size_t ways = std::size(Line{}.key);

    Line& first(const Key& key) { return lines_[hash(key) >> 32 & mask_]; }
    Line& second(const Key& key) { return lines_[hash(key) & mask_]; }
    Line& other(const Key& key, const Line& line) { return &line == &first(key) ? second(key) : first(key); }

    static bool put(const Key& key, const lb_service& service, Line& line) {
        for (std::size_t way = 0; way < ways; ++way) {
            if ((line.used & 1U << way) != 0) continue;
            line.key[way] = key;
            line.service[way] = service;
            line.used |= 1U << way;
            return true;
        }
        return false;
    }

    std::vector<Line> lines_;
    std::uint64_t mask_;
};

template <typename Line, typename Key>
std::vector<Line> table(const std::vector<std::pair<Key, lb_service>>& entries, std::uint32_t lines) {
    Builder<Line, Key> builder(lines);
    for (const auto& [key, service] : entries)
        if (!builder.add(key, service)) return {};
    return builder.finish();
}

template <typename Line, typename Key>
std::vector<Line> edit(std::span<const Line> half, std::span<const Key> removed,
                       std::span<const std::pair<Key, lb_service>> entered) {
    Builder<Line, Key> builder(half);
    for (const Key& key : removed) builder.remove(key);
    for (const auto& [key, service] : entered) {
        builder.remove(key);
        if (!builder.add(key, service)) return {};
    }
    return builder.finish();
}

}  // namespace

std::vector<lb_vip4_line> edited(std::span<const lb_vip4_line> half, std::span<const lb_vip4> removed,
                                 std::span<const Vip4Entry> entered) {
    return edit(half, removed, entered);
}

std::vector<lb_vip6_line> edited(std::span<const lb_vip6_line> half, std::span<const lb_vip6> removed,
                                 std::span<const Vip6Entry> entered) {
    return edit(half, removed, entered);
}

std::vector<lb_vip4_line> vip4_table(const std::vector<Vip4Entry>& entries, std::uint32_t lines) {
    return table<lb_vip4_line>(entries, lines);
}

std::vector<lb_vip6_line> vip6_table(const std::vector<Vip6Entry>& entries, std::uint32_t lines) {
    return table<lb_vip6_line>(entries, lines);
}

}  // namespace culvert::lbd
