// SPDX-License-Identifier: Apache-2.0
#include "common/log_limit.hpp"

#include <utility>

namespace culvert::common {

bool LogLimit::admit(const std::string& kind, std::string_view line, Clock::time_point now) {
    Kind& known = kinds_[kind];
    if (known.bucket.take(now)) return true;
    ++known.unsaid;
    known.last = line;
    return false;
}

std::vector<LogLimit::Unsaid> LogLimit::take_unsaid() {
    std::vector<Unsaid> all;
    for (auto& [name, kind] : kinds_)
        if (kind.unsaid > 0)
            all.push_back({.kind = name, .lines = std::exchange(kind.unsaid, 0), .last = std::exchange(kind.last, {})});
    return all;
}

}  // namespace culvert::common
