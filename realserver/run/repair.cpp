// SPDX-License-Identifier: Apache-2.0
#include "realserver/run/repair.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "realserver/desired/decide.hpp"
#include "realserver/model/order.hpp"
#include "realserver/plan/plan.hpp"
#include "realserver/receive/fallback.hpp"
#include "realserver/run/apply.hpp"

namespace culvert::realserver {

namespace {

using netlink::Error;
using netlink::Result;

/// Whether the change opens a way for packets into this host.
bool opens(const Change& change) {
    if (!change.after || !is_way_in(change.kind())) return false;
    const auto* link = std::get_if<Link>(&*change.after);
    return link == nullptr || (link->up && link->device != "lo");
}

/// Decides which changes may follow those that failed or were skipped.
class Precaution {
  public:
    void missed(const Change& change) {
        const Key key = change.key();
        unguarded_ |= key.kind == Kind::table;
        unprotected_ |= key.kind == Kind::sysctl && !lowers(change);
        if (change.before) return;
        if (key.kind == Kind::device) lack(key.name);
        if (key.kind == Kind::module)
            for (const std::string_view device : devices_of_module(key.name)) lack(std::string(device));
    }
    [[nodiscard]] bool allows(const Change& change) const {
        return !(unguarded_ && opens(change)) && !(unprotected_ && lowers(change)) &&
               !impossible_.contains(change.key());
    }

  private:
    void lack(const std::string& device) {
        for (Key& setting : settings_of(device)) impossible_.insert(std::move(setting));
    }

    bool unguarded_ = false;
    bool unprotected_ = false;
    std::set<Key> impossible_;
};

/// A change that doesn't read back counts as failed.
void verify(const Plan& rest, Repairs& repairs) {
    std::erase_if(repairs.made, [&](const Change& change) {
        const auto left = std::ranges::find(rest.changes, change.key(), &Change::key);
        if (left == rest.changes.end()) return false;
        repairs.failed.push_back({change, not_so(*left)});
        return true;
    });
}

}  // namespace

Result<Repairs> repair(Host& host, const RecordFile& file, const Config& wanted, Backoff& backoff, Backoff::Time now,
                       bool first) {
    TRY(Observed observed, host.observe(wanted.balancers));
    TRY(const auto recorded, file.load());
    Record record = recall(recorded, observed, wanted);
    Plan todo = plan(decide(wanted, surroundings(observed, record)), observed, record);
    Repairs repairs{.conflicts = std::move(todo.conflicts), .notes = std::move(todo.notes)};

    const auto is_held = [&](const Change& change) { return backoff.wait(change.key(), now) > Backoff::Delay::zero(); };
    std::vector<Change> due;
    std::ranges::remove_copy_if(todo.changes, std::back_inserter(due), is_held);
    if (first) record = note_found(std::move(record), todo.wanted, observed);
    if (!due.empty()) record = intend(std::move(record), due);
    if (record != recorded.value_or(Record{})) CHECK_OK(file.save(record));
    Precaution precaution;
    for (const Change& change : todo.changes) {
        if (is_held(change)) {
            backoff.held(change.key());
            repairs.held.push_back(change);
        } else if (!precaution.allows(change)) {
            repairs.premature.push_back(change);
        } else if (auto done = host.perform(change); !done) {
            repairs.failed.push_back({change, std::move(done).error()});
        } else {
            repairs.made.push_back(change);
            continue;
        }
        precaution.missed(change);
    }
    repairs.found = std::move(observed.state);
    if (due.empty()) return repairs;
    for (const auto& failed : repairs.failed) backoff.tried(failed.change.key(), now, true);
    if (!first)
        for (const Change& change : repairs.made) backoff.tried(change.key(), now);

    TRY(Observed after, host.observe(wanted.balancers));
    keep_ways(observed.around, after.around);
    verify(plan(decide(wanted, surroundings(after, record)), after, record), repairs);
    CHECK_OK(file.save(settle(record, after.state, todo.wanted)));
    repairs.found = std::move(after.state);
    return repairs;
}

}  // namespace culvert::realserver
