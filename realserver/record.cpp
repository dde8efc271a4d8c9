// SPDX-License-Identifier: Apache-2.0
#include "realserver/record.hpp"

#include <algorithm>
#include <utility>

namespace culvert::realserver {

const Entry* entry_of(const Record& record, const Item& item) {
    const auto entry = record.find(key(item));
    if (entry == record.end() || std::ranges::count(entry->second.ours, item) == 0) return nullptr;
    return &entry->second;
}

std::optional<Item> original(const Record& record, const HostState& state, const Key& key) {
    const auto item = find(state, key);
    const Entry* entry = item ? entry_of(record, *item) : nullptr;
    return entry ? entry->original : item;
}

Record intend(Record record, const std::vector<Change>& changes) {
    for (const Change& change : changes) {
        if (change.key().kind == Kind::module || change.key().kind == Kind::table) continue;
        const auto known = record.find(change.key());
        const bool continues = known != record.end() && (change.before == known->second.original ||
                                                         (change.before && entry_of(record, *change.before)));
        if (!continues && change.after) {
            record.insert_or_assign(change.key(), Entry{change.before, {*change.after}});
        } else if (continues && change.after && change.after != known->second.original) {
            if (!entry_of(record, *change.after)) known->second.ours.push_back(*change.after);
        }
    }
    return record;
}

Record settle(const Record& record, const HostState& state) {
    Record settled;
    for (const auto& [key, entry] : record) {
        const auto item = find(state, key);
        if (item && item != entry.original && entry_of(record, *item))
            settled.emplace(key, Entry{entry.original, {*item}});
    }
    return settled;
}

}  // namespace culvert::realserver
