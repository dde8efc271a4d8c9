// SPDX-License-Identifier: Apache-2.0
#include "realserver/run/backoff.hpp"

#include <algorithm>
#include <utility>

namespace culvert::realserver {

Backoff::Delay Backoff::wait(const Key& key, Time now) const {
    const auto known = settings_.find(key);
    if (known == settings_.end()) return Delay::zero();
    const auto left = known->second.tried + known->second.delay - now;
    return std::max(Delay::zero(), std::chrono::ceil<Delay>(left));
}

Backoff::Delay Backoff::delay(const Key& key) const {
    const auto known = settings_.find(key);
    return known == settings_.end() ? Delay::zero() : known->second.delay;
}

void Backoff::held(const Key& key) {
    if (const auto known = settings_.find(key); known != settings_.end()) known->second.held = true;
}

void Backoff::tried(const Key& key, Time now, bool failed) {
    const auto [entry, is_new] = settings_.try_emplace(key);
    Setting& setting = entry->second;
    if (!failed && setting.failed) {  // an attempt has succeeded after failures, and nobody has changed the setting
        settings_.erase(entry);
        return;
    }
    const bool lasted = !std::exchange(setting.held, false) && now - setting.tried >= 2 * setting.delay;
    const Delay delay = is_new || lasted ? shortest : std::min(2 * setting.delay, longest);
    if (is_new || lasted || delay != setting.delay) setting.said = false;
    setting.delay = delay;
    setting.tried = now;
    setting.failed = failed;
}

void Backoff::hasten() {
    for (auto& [key, setting] : settings_)
        if (setting.failed) setting.delay = shortest;
}

bool Backoff::is_news(const Key& key) {
    const auto known = settings_.find(key);
    return known != settings_.end() && !std::exchange(known->second.said, true);
}

}  // namespace culvert::realserver
