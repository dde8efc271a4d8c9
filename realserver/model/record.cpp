// SPDX-License-Identifier: Apache-2.0
#include "realserver/model/record.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>
#include <variant>

namespace culvert::realserver {

const Entry* entry_of(const Record& record, const Item& item) {
    const auto entry = record.find(key(item));
    if (entry == record.end() || std::ranges::count(entry->second.ours, item) == 0) return nullptr;
    return &entry->second;
}

bool is_ours(const Item& item, const Observed& observed, const Record& record) {
    const Entry* entry = entry_of(record, item);
    return observed.marked.contains(key(item)) || (entry != nullptr && entry->original != item);
}

std::optional<Item> original(const Record& record, const HostState& state, const Key& key) {
    const auto known = record.find(key);
    return known == record.end() ? find(state, key) : known->second.original;
}

Surroundings surroundings(const Observed& observed, const Record& record) {
    Surroundings around = observed.around;
    for (const Key& key : observed.marked) {
        const auto known = record.find(key);
        if (known == record.end() || !known->second.original) continue;
        const auto* vip = std::get_if<Vip>(&*known->second.original);
        if (vip != nullptr && vip->prefix.is_host()) around.addresses.insert(vip->prefix.address);
    }
    for (const auto& [key, item] : observed.state)
        if (const auto* port = std::get_if<Port>(&item); port != nullptr && !is_ours(item, observed, record))
            around.ports_of_others.insert(port->port.port);
    return around;
}

void forget_settings_of(const std::string& device, Record& record) {
    for (const Key& setting : settings_of(device)) record.erase(setting);
}

namespace {

/// These need no record: modules stay loaded, tables and programs have our name or pin, and nobody wants lo down.
bool is_known_without(const Key& key) {
    return key.kind == Kind::module || key.kind == Kind::table || key.kind == Kind::decap ||
           (key.kind == Kind::link && key.name == "lo");
}

/// The settings of our devices need not be restored: they vanish with the device.
void add_settings_of(const Key& key, std::set<Key>& dependent) {
    if (key.kind == Kind::device) std::ranges::move(settings_of(key.name), std::inserter(dependent, dependent.end()));
}

void intend(Record& record, std::set<Key>& dependent, const Change& change) {
    const Key key = change.key();
    if (is_known_without(key) || dependent.contains(key)) return;
    const auto known = record.find(key);
    // A value that others have set since the first apply is not the original. A device of others is a different device.
    const bool continues =
        known != record.end() && (key.kind != Kind::device || change.before == known->second.original ||
                                  (change.before && entry_of(record, *change.before)));
    if (!continues && change.after) {
        // We only change devices of our own, and these did not exist before.
        const auto original = key.kind == Kind::device ? std::nullopt : change.before;
        record.insert_or_assign(key, Entry{original, {*change.after}});
        add_settings_of(key, dependent);
        if (key.kind == Kind::device) forget_settings_of(key.name, record);
    } else if (continues && change.after && change.after != known->second.original) {
        if (!entry_of(record, *change.after)) known->second.ours.push_back(*change.after);
    }
}

std::set<Key> settings_of_devices(const Record& record) {
    std::set<Key> settings;
    for (const auto& [key, entry] : record) add_settings_of(key, settings);
    return settings;
}

}  // namespace

Record note_found(Record record, const HostState& wanted, const Observed& observed) {
    const std::set<Key> dependent = settings_of_devices(record);
    for (const auto& [key, item] : wanted) {
        if (is_known_without(key) || key.kind == Kind::device || dependent.contains(key)) continue;
        const auto now = find(observed.state, key);
        if (now == item && !observed.marked.contains(key)) record.try_emplace(key, Entry{now, {item}});
    }
    return record;
}

Record intend(Record record, const std::vector<Change>& changes) {
    std::set<Key> dependent = settings_of_devices(record);
    for (const Change& change : changes) intend(record, dependent, change);
    return record;
}

Record settle(const Record& record, const HostState& state, const HostState& wanted) {
    Record settled;
    for (const auto& [key, entry] : record) {
        const auto item = find(state, key);
        if (const auto goal = find(wanted, key); goal && key.kind != Kind::device)
            settled.emplace(key, entry_of(record, *goal) ? Entry{entry.original, {*goal}} : entry);
        else if (item && item != entry.original && entry_of(record, *item))
            settled.emplace(key, Entry{entry.original, {*item}});
    }
    return settled;
}

}  // namespace culvert::realserver
