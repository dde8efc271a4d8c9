// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "realserver/model/state.hpp"

/// What apply has replaced, and the new values: teardown works from this. It is written before the kernel is changed,
/// so it may list changes that were not made. An entry counts only while the kernel has one of our values.
namespace culvert::realserver {

struct Entry {
    std::optional<Item> original;  ///< none: it did not exist
    std::vector<Item> ours;        ///< not empty; more than one only during a change
    bool operator==(const Entry&) const = default;
};

using Record = std::map<Key, Entry>;

/// The entry for `item` if apply set it, otherwise null.
[[nodiscard]] const Entry* entry_of(const Record& record, const Item& item);

/// Whether `item` is ours according to the kernel or the record, and was nobody's before.
[[nodiscard]] bool is_ours(const Item& item, const Observed& observed, const Record& record);

/// The value before apply first changed the setting, or else the current one. Later changes by others don't count.
[[nodiscard]] std::optional<Item> original(const Record& record, const HostState& state, const Key& key);

/// The surroundings once our VIPs are gone: somebody's VIP that we only put back is an address of the host, too.
[[nodiscard]] Surroundings surroundings(const Observed& observed, const Record& record);

/// Forgets the settings of a device: a new device of the same name starts with values of its own.
void forget_settings_of(const std::string& device, Record& record);

/// Adds settings that others had set to the wanted value: it is the original, if apply has to set it later.
[[nodiscard]] Record note_found(Record record, const HostState& wanted, const Observed& observed);

/// The record to keep while `changes` are made.
[[nodiscard]] Record intend(Record record, const std::vector<Change>& changes);

/// The record after the changes. Settings that have their original value again, or that others have changed, are
/// forgotten. Those still wanted stay: they will be set again, and keep their first original.
[[nodiscard]] Record settle(const Record& record, const HostState& state, const HostState& wanted);

}  // namespace culvert::realserver
