// SPDX-License-Identifier: Apache-2.0
#include "realserver/run/apply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <span>
#include <utility>

#include "realserver/desired/decide.hpp"
#include "realserver/plan/wanted.hpp"

namespace culvert::realserver {

namespace {

using netlink::Error;

Failure failed(Error cause) { return {.causes = {std::move(cause)}}; }

constexpr std::size_t most_at_once = 64;

/// The first change, and those after it that fit the same system call: all add VIPs, or all remove them.
std::span<const Change> independent(std::span<const Change> changes) {
    const Change& first = changes.front();
    const auto end = std::ranges::find_if_not(
        changes, [&](const Change& change) { return change.kind() == Kind::vip && change.verb() == first.verb(); });
    return changes.first(std::clamp<std::size_t>(end - changes.begin(), 1, most_at_once));
}

/// One run of apply or teardown.
class Run {
  public:
    Run(Host& host, const RecordFile& file, const std::optional<Config>& wanted, const std::optional<Config>& config)
        : host_(host), file_(file), wanted_(wanted), config_(config) {}

    tl::expected<Report, Failure> operator()() {
        auto outcome = make();
        if (!outcome) outcome.error().modules = std::move(modules_);
        return outcome;
    }

  private:
    tl::expected<Report, Failure> make() {
        TRY(Plan todo, look());
        CHECK_OK(load_modules(todo));
        if (!modules_.empty()) {
            TRY(todo, look());
        }
        report_.left = todo.left;
        report_.notes = todo.notes;
        if (wanted_) record_ = note_found(std::move(record_), todo.wanted, observed_);
        if (todo.changes.empty()) {
            if (record_ != recorded_.value_or(Record{}) || !wanted_) keep(record_, !wanted_);
            return report_;
        }
        record_ = intend(std::move(record_), todo.changes);
        CHECK_OK(file_.save(record_).map_error(failed));
        std::span<const Change> rest = todo.changes;
        while (!rest.empty()) {
            const auto next = independent(rest);
            rest = rest.subspan(next.size());
            if (auto cause = perform(next)) return roll_back({*std::move(cause)});
        }
        if (auto wrong = verify(); !wrong.empty()) return roll_back(std::move(wrong));
        if (const Record settled = settle(record_, observed_.state, todo.wanted); !wanted_ || settled != record_)
            keep(settled, !wanted_);
        for (Change& change : done_) {
            if (change.after) change.after = find(observed_.state, change.key());  // the value that the kernel has now
            report_.changes.push_back(std::move(change));
        }
        return report_;
    }

    Plan plan_now() const {
        return wanted_ ? plan(decide(*wanted_, surroundings(observed_, record_)), observed_, record_)
                       : plan_teardown(observed_, record_);
    }

    netlink::Result<Observed> observe() {
        return host_.observe(config_ ? config_->balancers : std::vector<netlink::Prefix>{});
    }

    tl::expected<Plan, Failure> look() {
        TRY(observed_, observe().map_error(failed));
        TRY(recorded_, file_.load().map_error(failed));
        record_ = recall(recorded_, observed_, config_);
        Plan todo = plan_now();
        if (!todo.conflicts.empty()) return tl::unexpected(Failure{.causes = std::move(todo.conflicts)});
        return todo;
    }

    /// Modules are loaded first, and stay loaded: only then their devices can be observed.
    tl::expected<void, Failure> load_modules(const Plan& todo) {
        for (const Change& change : todo.changes) {
            if (change.kind() != Kind::module) continue;
            CHECK_OK(host_.perform(change).map_error(failed));
            modules_.push_back(change.key().name);
            report_.changes.push_back(change);
        }
        return {};
    }

    /// Returns the first error, if any.
    std::optional<Error> perform(std::span<const Change> changes) {
        std::optional<Error> cause;
        auto outcomes = host_.perform(changes);
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            if (outcomes[i])
                done_.push_back(changes[i]);
            else if (!cause)
                cause = std::move(outcomes[i]).error();
        }
        return cause;
    }

    /// The changes that are still to be made, as errors.
    std::vector<Error> verify() {
        auto observed = observe();
        if (!observed) return {std::move(observed).error()};
        keep_ways(observed_.around, observed->around);
        observed_ = *std::move(observed);
        const Plan rest = plan_now();
        std::vector<Error> wrong = rest.conflicts;
        std::ranges::transform(rest.changes, std::back_inserter(wrong), not_so);
        return wrong;
    }

    /// A failure to write is no error: the record then lists too many changes, which does no harm.
    void keep(const Record& record, bool none) const { std::ignore = none ? file_.remove() : file_.save(record); }

    tl::expected<Report, Failure> roll_back(std::vector<Error> causes) {
        Failure failure{.causes = std::move(causes)};
        for (const Change& change : done_ | std::views::reverse) {
            if (auto undone = host_.perform(change.inverse()); !undone) {
                failure.stuck.push_back(std::move(undone).error());
            } else {
                ++failure.undone;
            }
        }
        if (const auto observed = observe()) {
            Record rest = settle(record_, observed->state, {});
            if (recorded_) rest.insert(recorded_->begin(), recorded_->end());
            keep(rest, rest.empty() && !recorded_);
        }
        return tl::unexpected(std::move(failure));
    }

    Host& host_;
    const RecordFile& file_;
    const std::optional<Config>& wanted_;
    const std::optional<Config>& config_;
    Observed observed_;
    std::optional<Record> recorded_;  // as in the file
    Record record_;
    std::vector<std::string> modules_;  // loaded by us
    std::vector<Change> done_;
    Report report_;
};

}  // namespace

void keep_ways(const Surroundings& planned, Surroundings& now) {
    now.ways_in = planned.ways_in;
    now.link_mtu = planned.link_mtu;
}

Error not_so(const Change& change) {
    return {
        .operation = "verify",
        .object = change.key().to_string(),
        .kernel = fmt::format("it was set, but the kernel has another value; still to do: \"{}\"", change.to_string()),
        .cure = "find what else sets it, then apply again"};
}

Record recall(const std::optional<Record>& record, const Observed& observed, const std::optional<Config>& config) {
    if (record) return *record;
    Record presumed;
    if (!config || observed.marked.empty()) return presumed;
    for (const auto& [key, item] : want(decide(*config, observed.around), observed.state, {})) {
        if (find(observed.state, key) != item) continue;
        if (key.kind == Kind::port) presumed.emplace(key, Entry{std::nullopt, {item}});
        if (key.kind == Kind::link && key.name != "lo") presumed.emplace(key, Entry{Link{key.name, false}, {item}});
    }
    return presumed;
}

tl::expected<Report, Failure> apply(Host& host, const RecordFile& file, const Config& wanted) {
    const std::optional<Config> config = wanted;
    return Run(host, file, config, config)();
}

tl::expected<Report, Failure> teardown(Host& host, const RecordFile& file, const std::optional<Config>& config) {
    const std::optional<Config> nothing;
    return Run(host, file, nothing, config)();
}

}  // namespace culvert::realserver
