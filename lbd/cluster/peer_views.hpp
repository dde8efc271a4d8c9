// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>

#include "lbd/cluster/message.hpp"

namespace culvert::lbd {

/// How a peer sees services, as far as it has said so.
class PeerViews {
  public:
    using Map = std::map<std::string, Views::View>;

    static constexpr std::size_t most_services = 1 << 17;

    /// False if these are too many.
    [[nodiscard]] bool take(const Views& said) {
        if (said.anew) next_.clear();
        Map& target = said.anew || !is_whole_ ? next_ : views_;
        if (said.anew) is_whole_ = false;
        for (const std::string& gone : said.gone) target.erase(gone);
        for (const Views::View& view : said.views) target.insert_or_assign(view.service, view);
        if (!is_whole_ && said.whole) {
            views_ = std::move(next_);
            next_.clear();
            is_whole_ = true;
            is_known_ = true;
        }
        return views_.size() <= most_services && next_.size() <= most_services;
    }

    /// The peer is gone for long.
    void forget() { *this = {}; }

    [[nodiscard]] bool is_known() const { return is_known_; }
    [[nodiscard]] const Map& all() const { return views_; }
    [[nodiscard]] const Views::View* find(const std::string& service) const {
        const auto found = views_.find(service);
        return found == views_.end() ? nullptr : &found->second;
    }
    [[nodiscard]] std::chrono::milliseconds longest_idle() const {
        std::uint64_t longest = 0;
        for (const auto& [service, view] : views_) longest = std::max(longest, view.idle);
        return std::chrono::milliseconds(std::min<std::uint64_t>(longest, 24UL * 3'600'000));
    }

  private:
    Map views_;  // whole
    Map next_;   // said since a connection began, until it is whole
    bool is_whole_ = false;
    bool is_known_ = false;
};

}  // namespace culvert::lbd
