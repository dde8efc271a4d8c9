// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/incremental.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "lbd/config/conflicts.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;

/// Which services to read again, by number. They include one unchanged service on either side, if there is one, so that
/// the changed lines are read between their real neighbours.
struct Changed {
    std::size_t first = 0;
    std::size_t end = 0;
    std::ptrdiff_t growth = 0;  // bytes by which the text is longer
};

/// The number of equal bytes at the beginning.
std::size_t alike_in_front(std::string_view a, std::string_view b) {
    constexpr std::size_t block = 4096;  // blocks compare faster than bytes
    std::size_t length = 0;
    while (length + block <= std::min(a.size(), b.size()) && a.substr(length, block) == b.substr(length, block))
        length += block;
    while (length < std::min(a.size(), b.size()) && a[length] == b[length]) ++length;
    return length;
}

/// The number of equal bytes at the end.
std::size_t alike_at_end(std::string_view a, std::string_view b) {
    constexpr std::size_t block = 4096;
    std::size_t length = 0;
    const auto last = [&](std::string_view text, std::size_t count) {
        return text.substr(text.size() - length - count, count);
    };
    while (length + block <= std::min(a.size(), b.size()) && last(a, block) == last(b, block)) length += block;
    while (length < std::min(a.size(), b.size()) && last(a, 1) == last(b, 1)) ++length;
    return length;
}

std::optional<Changed> find_changed(const Reading& before, std::string_view text) {
    const std::string_view old = before.text;
    const auto& marks = before.marks;
    if (marks.empty()) return std::nullopt;
    const std::size_t changed_from = alike_in_front(old, text);
    const std::size_t changed_to = old.size() - alike_at_end(old.substr(changed_from), text.substr(changed_from));
    if (changed_from < marks.front() || changed_to > marks.back()) return std::nullopt;

    Changed changed{.growth = std::ssize(text) - std::ssize(old)};
    const auto number = [&](auto mark) { return static_cast<std::size_t>(mark - marks.begin()); };
    // A line inserted where a service begins may belong to the service above it.
    changed.first = number(std::lower_bound(marks.begin(), marks.end() - 1, changed_from));
    changed.first -= std::min<std::size_t>(changed.first, 2);
    // The unchanged rest must begin with a whole line.
    const auto goes_on = [&](std::size_t mark) {
        const auto at = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(mark) + changed.growth);
        return at == text.size() || text[at - 1] == '\n';
    };
    const auto next = std::find_if(std::lower_bound(marks.begin(), marks.end(), changed_to), marks.end(), goes_on);
    if (next == marks.end()) return std::nullopt;
    changed.end = std::min(number(next) + 1, marks.size() - 1);
    return changed;
}

template <typename T>
std::vector<T> part(const std::vector<T>& all, std::size_t first, std::size_t end) {
    return {all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace

std::optional<Reading> read_changed(std::string_view text, const Reading& before) {
    const auto changed = find_changed(before, text);
    if (!changed) return std::nullopt;
    const auto& marks = before.marks;
    const auto moved = [&](std::size_t mark) {
        return static_cast<std::size_t>(static_cast<std::ptrdiff_t>(mark) + changed->growth);
    };
    const std::size_t first = marks[changed->first];
    const std::size_t end = moved(marks[changed->end]);
    const std::string_view head = text.substr(0, marks.front());
    auto read = read_config(
        {}, std::string(head).append(text.substr(first, end - first)).append(text.substr(moved(marks.back()))));
    // These lines must be services, and nothing else.
    const std::size_t shift = first - head.size();
    if (!read || read->marks.empty() || read->marks.front() + shift != first || read->marks.back() + shift != end)
        return std::nullopt;

    Services former;
    for (const auto& service : part(before.config.services.shared(), changed->first, changed->end))
        former.push_back(service);
    read->config.services = shared_with(std::move(read->config.services), former);
    const std::set<Services::Shared> known(former.shared().begin(), former.shared().end());
    Services come;
    for (const Services::Shared& service : read->config.services.shared())
        if (!known.contains(service)) come.push_back(service);
    Reading result{.config = read->config, .text = {}, .marks = part(marks, 0, changed->first)};
    result.config.services = before.config.services;
    result.config.services.replace(changed->first, changed->end, read->config.services);
    if (may_conflict(come, result.config.services)) return std::nullopt;
    for (const std::size_t mark : part(read->marks, 0, read->marks.size() - 1)) result.marks.push_back(mark + shift);
    for (std::size_t i = changed->end; i < marks.size(); ++i) result.marks.push_back(moved(marks[i]));
    return result;
}

yaml::Result<SharedReading> read_again(std::string_view file, std::string text, const SharedReading& before) {
    if (before && text == before->text) return before;
    if (auto changed = before ? read_changed(text, *before) : std::nullopt) {
        changed->text = std::move(text);
        return std::make_shared<const Reading>(*std::move(changed));
    }
    auto reading = read_config(file, std::move(text));
    if (!reading) return tl::unexpected(std::move(reading.error()));
    if (before) reading->config.services = shared_with(std::move(reading->config.services), before->config.services);
    return std::make_shared<const Reading>(*std::move(reading));
}

}  // namespace culvert::lbd
