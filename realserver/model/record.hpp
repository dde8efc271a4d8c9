// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "realserver/model/state.hpp"

/// What apply has replaced, and by what: the memory that teardown lives on. It is written before the kernel is touched,
/// so it may hold more than happened; an entry counts only while the kernel shows a value of ours.
namespace culvert::realserver {

struct Entry {
    std::optional<Item> original;  ///< none: it was not there
    std::vector<Item> ours;        ///< not empty; several only while a change is under way
    bool operator==(const Entry&) const = default;
};

using Record = std::map<Key, Entry>;

/// The entry for `item`, if apply put it there; else null.
[[nodiscard]] const Entry* entry_of(const Record& record, const Item& item);

/// Whether the kernel or the record shows `item` to be ours, and nobody's before.
[[nodiscard]] bool is_ours(const Item& item, const Observed& observed, const Record& record);

/// What the setting was before apply first touched it, or is if apply did not. What others have set since is neither.
[[nodiscard]] std::optional<Item> original(const Record& record, const HostState& state, const Key& key);

/// Forgets what is known of a device's settings: a new one of the same name has a history of its own.
void forget_settings_of(const std::string& device, Record& record);

/// With what is as wanted already, and not by us: as it is found it is its original, should apply ever have to set it.
[[nodiscard]] Record note_found(Record record, const HostState& wanted, const Observed& observed);

/// The record to keep while `changes` are being made.
[[nodiscard]] Record intend(Record record, const std::vector<Change>& changes);

/// The record after the fact. What is back to its original, or has been set by somebody else, is forgotten, unless it
/// is still wanted: then it will be set again, and the first original goes on to count.
[[nodiscard]] Record settle(const Record& record, const HostState& state, const HostState& wanted);

}  // namespace culvert::realserver
