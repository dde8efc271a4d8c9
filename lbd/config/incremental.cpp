// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/incremental.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "lbd/config/conflicts.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;

/// Services by number, whose lines give way to others. One more on either side is among them where there is one: so the
/// lines are read between the neighbours that they really have.
struct Changed {
    std::size_t first = 0;
    std::size_t end = 0;
    std::ptrdiff_t growth = 0;  // bytes by which the text is longer
};

std::optional<Changed> find_changed(const Reading& before, std::string_view text) {
    const std::string_view old = before.text;
    const auto& marks = before.marks;
    if (marks.empty()) return std::nullopt;
    const auto alike = std::ranges::mismatch(old, text).in1 - old.begin();
    const auto least = std::min(std::ssize(old), std::ssize(text));
    const auto tail = std::mismatch(old.rbegin(), old.rbegin() + (least - alike), text.rbegin()).first - old.rbegin();
    const auto changed_from = static_cast<std::size_t>(alike);
    const auto changed_to = old.size() - static_cast<std::size_t>(tail);
    if (changed_from < marks.front() || changed_to > marks.back()) return std::nullopt;

    Changed changed{.growth = std::ssize(text) - std::ssize(old)};
    const auto number = [&](auto mark) { return static_cast<std::size_t>(mark - marks.begin()); };
    // What is inserted where a service begins may belong to the one above: so that one has changed, too.
    changed.first = number(std::lower_bound(marks.begin(), marks.end() - 1, changed_from));
    changed.first -= std::min<std::size_t>(changed.first, 2);
    // Where the text goes on as before, it must do so with a line.
    const auto goes_on = [&](std::size_t mark) {
        const auto at = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(mark) + changed.growth);
        return at == text.size() || text[at - 1] == '\n';
    };
    const auto next = std::find_if(std::lower_bound(marks.begin(), marks.end(), changed_to), marks.end(), goes_on);
    if (next == marks.end()) return std::nullopt;
    changed.end = std::min(number(next) + 1, marks.size() - 1);
    return changed;
}

/// Each that equals one of `known` in its place.
void share(Services& services, const Services& known) {
    std::map<std::string_view, const Services::Shared*> by_name;
    for (const Services::Shared& service : known.shared()) by_name.emplace(service->name, &service);
    Services shared;
    for (const Services::Shared& service : services.shared()) {
        const auto same = by_name.find(service->name);
        shared.push_back(same != by_name.end() && **same->second == *service ? *same->second : service);
    }
    services = std::move(shared);
}

template <typename T>
std::vector<T> part(const std::vector<T>& all, std::size_t first, std::size_t end) {
    return {all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(end)};
}

Services services_of(const std::vector<Services::Shared>& all, std::size_t first, std::size_t end) {
    Services services;
    for (std::size_t i = first; i < end; ++i) services.push_back(all[i]);
    return services;
}

}  // namespace

std::optional<Reading> read_changed(std::string text, const Reading& before) {
    const auto changed = find_changed(before, text);
    if (!changed) return std::nullopt;
    const auto& marks = before.marks;
    const auto moved = [&](std::size_t mark) {
        return static_cast<std::size_t>(static_cast<std::ptrdiff_t>(mark) + changed->growth);
    };
    const std::size_t first = marks[changed->first];
    const std::size_t end = moved(marks[changed->end]);
    const std::string head = text.substr(0, marks.front());
    auto read = read_config({}, std::string(head).append(text, first, end - first).append(text, moved(marks.back())));
    // The lines must be services from the first to the last, and nothing else.
    const std::size_t shift = first - head.size();
    if (!read || read->marks.empty() || read->marks.front() + shift != first || read->marks.back() + shift != end)
        return std::nullopt;

    const auto& old = before.config.services.shared();
    const Services former = services_of(old, changed->first, changed->end);
    share(read->config.services, former);
    Services kept = services_of(old, 0, changed->first);
    Services come;
    const std::set<Services::Shared> known(former.shared().begin(), former.shared().end());
    Reading result{.config = read->config, .text = {}, .marks = part(marks, 0, changed->first)};
    result.config.services = kept;
    for (const Services::Shared& service : read->config.services.shared()) {
        result.config.services.push_back(service);
        (known.contains(service) ? kept : come).push_back(service);
    }
    for (std::size_t i = changed->end; i < old.size(); ++i) {
        result.config.services.push_back(old[i]);
        kept.push_back(old[i]);
    }
    if (!come.empty() && may_conflict(come, kept)) return std::nullopt;
    for (const std::size_t mark : part(read->marks, 0, read->marks.size() - 1)) result.marks.push_back(mark + shift);
    for (std::size_t i = changed->end; i < marks.size(); ++i) result.marks.push_back(moved(marks[i]));
    result.text = std::move(text);
    return result;
}

yaml::Result<Reading> read_again(std::string_view file, std::string text, const Reading& before) {
    if (text == before.text) return before;
    if (auto reading = read_changed(text, before)) return *std::move(reading);
    auto reading = read_config(file, std::move(text));
    if (reading) share(reading->config.services, before.config.services);
    return reading;
}

yaml::Result<Reading> reload_config(const std::string& path, const Reading& before) {
    auto text = yaml::read_file(path);
    if (!text) return tl::unexpected(std::move(text.error()));
    return read_again(path, *std::move(text), before);
}

}  // namespace culvert::lbd
