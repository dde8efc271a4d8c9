// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
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

    /// Where a connection has come in, if it may shake hands. It must leave there later.
    [[nodiscard]] std::optional<netlink::IpAddress> enter(const netlink::IpAddress& from, Clock::time_point now) {
        const bool is_peer = peers_.contains(from);
        const netlink::IpAddress place = is_peer || from.is_v4() ? from : from.masked(64);
        const auto at = inside_.find(place);
        if (at != inside_.end() && at->second >= most_of_one_address) return std::nullopt;
        if (!is_peer && strangers() >= most_strangers) return std::nullopt;
        if (!(is_peer ? peers_rate_ : strangers_rate_).take(now)) return std::nullopt;
        ++inside_[place];
        return place;
    }
    /// It has shown the key, or is closed.
    void leave(const netlink::IpAddress& place) {
        const auto at = inside_.find(place);
        if (at != inside_.end() && --at->second == 0) inside_.erase(at);
    }

  private:
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
