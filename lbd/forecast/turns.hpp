// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "lbd/cluster/message.hpp"
#include "netlink/address.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Questions of peers, which are answered a piece of work at a time, for one peer after the other.
class Turns {
  public:
    struct Work {
        std::function<netlink::Result<bool>()> next;  ///< does a piece; true: that was the last one
        std::function<TurnoverAnswer()> answer;       ///< call after the last one
    };
    using Answered = std::pair<netlink::IpAddress, TurnoverAnswer>;

    /// The peer waits for no answer to its former question.
    void add(const netlink::IpAddress& peer, Work work) { asked_.insert_or_assign(peer, std::move(work)); }
    void forget(const netlink::IpAddress& peer) { asked_.erase(peer); }
    [[nodiscard]] bool empty() const { return asked_.empty(); }
    /// Does a piece for the next peer. An answer, if that was the last one. If it fails the peer gets none, and names
    /// this balancer as one that has not given any.
    [[nodiscard]] std::optional<Answered> next() {
        if (asked_.empty()) return std::nullopt;
        auto one = asked_.upper_bound(last_);
        if (one == asked_.end()) one = asked_.begin();
        last_ = one->first;
        const auto is_last = one->second.next();
        if (is_last && !*is_last) return std::nullopt;
        const Work done = std::move(one->second);
        asked_.erase(one);
        return is_last ? std::optional(Answered(last_, done.answer())) : std::nullopt;
    }

  private:
    std::map<netlink::IpAddress, Work> asked_;
    netlink::IpAddress last_;  // that had its turn
};

}  // namespace culvert::lbd
