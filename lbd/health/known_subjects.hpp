// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <utility>

#include "lbd/health/probe.hpp"

namespace culvert::lbd {

/// Stores knowledge about backends across changes of names. A backend is the same if it has the same address, and its
/// service has the same name or VIP. So a backend or a service may be renamed, and its check may change.
template <typename Knowledge>
class KnownSubjects {
  public:
    void add(const Subject& subject, Knowledge knowledge) {
        by_address_.emplace(subject.backend_address, std::pair(subject, std::move(knowledge)));
    }
    [[nodiscard]] bool empty() const { return by_address_.empty(); }
    [[nodiscard]] bool knows(const IpAddress& backend_address) const { return by_address_.contains(backend_address); }

    /// The entry with most in common; null if there is none.
    [[nodiscard]] Knowledge* find(const Subject& subject) {
        int most = 0;
        Knowledge* best = nullptr;
        const auto [first, last] = by_address_.equal_range(subject.backend_address);
        for (auto it = first; it != last; ++it) {
            const int common = in_common(subject, it->second.first);
            if (common <= most) continue;
            most = common;
            best = &it->second.second;
        }
        return best;
    }

  private:
    static int in_common(const Subject& a, const Subject& b) {
        if (a.service == b.service) return a.backend == b.backend ? 3 : 2;
        return a.vip == b.vip ? 1 : 0;
    }

    std::multimap<IpAddress, std::pair<Subject, Knowledge>> by_address_;
};

}  // namespace culvert::lbd
