// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "common/token_bucket.hpp"
#include "netlink/address.hpp"

namespace culvert::lbd {

/// Who may come in: limits the connections that have not yet shown that they have the cluster's key. Peers are counted
/// apart, so that strangers keep none out.
class Door {
  public:
    using Clock = common::TokenBucket::Clock;

    static constexpr std::size_t most_strangers = 32;      ///< at the same time
    static constexpr std::size_t most_of_one_address = 4;  ///< likewise; of a /64 for IPv6

    void set_peers(std::set<netlink::IpAddress> peers) { peers_ = std::move(peers); }

    /// Whether a connection from there may shake hands. If so, it must leave later.
    [[nodiscard]] bool enter(const netlink::IpAddress& from, Clock::time_point now) {
        const bool is_peer = peers_.contains(from);
        const auto at = inside_.find(place(from));
        if (at != inside_.end() && at->second >= most_of_one_address) return false;
        if (!is_peer && strangers() >= most_strangers) return false;
        if (!(is_peer ? peers_rate_ : strangers_rate_).take(now)) return false;
        ++inside_[place(from)];
        return true;
    }
    /// It has shown the key, or is closed.
    void leave(const netlink::IpAddress& from) {
        const auto at = inside_.find(place(from));
        if (at != inside_.end() && --at->second == 0) inside_.erase(at);
    }

  private:
    [[nodiscard]] netlink::IpAddress place(const netlink::IpAddress& address) const {
        return address.is_v4() || peers_.contains(address) ? address : address.masked(64);
    }
    [[nodiscard]] std::size_t strangers() const {
        std::size_t sum = 0;
        for (const auto& [address, count] : inside_)
            if (!peers_.contains(address)) sum += count;
        return sum;
    }

    std::set<netlink::IpAddress> peers_;
    std::map<netlink::IpAddress, std::size_t> inside_;
    common::TokenBucket strangers_rate_{50, 20};  // handshakes cost processor time
    common::TokenBucket peers_rate_{1'000, 100};
};

}  // namespace culvert::lbd
