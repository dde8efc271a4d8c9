// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <tl/expected.hpp>

#include "common/token_bucket.hpp"
#include "lbd/model/hops.hpp"
#include "lbd/path_mtu/quotation.hpp"
#include "lbd/path_mtu/sent.hpp"

namespace culvert::lbd {

/// The paths to backends that routers have said to be narrower than the link. Times are passed in.
///
/// Who sees packets to a backend can forge what they say, and who guesses right. So it counts for ten minutes, and down
/// to 1280 bytes, never below; and few wrong guesses a second are listened to.
class PathMtus {
  public:
    using Clock = std::chrono::steady_clock;

    /// RFC 1191, section 6.3.
    static constexpr std::chrono::minutes lifetime{10};
    /// Bytes of IP packet: what IPv6 asks of every link (RFC 8200, section 5). Who has narrower ones sets the route's
    /// mtu.
    static constexpr std::uint16_t least = 1280;

    struct Learned {
        std::uint16_t mtu = 0;   ///< bytes of IP packet
        std::uint32_t told = 0;  ///< what the router said, which may be less
        IpAddress router;
        std::uint32_t ifindex = 0;  ///< of the hop, with
        netlink::MacAddress next;   ///< whose MAC address: another hop is another path
        Clock::time_point until;
    };

    /// Takes in what a router says of a packet by this hop, and what was found out about that packet. True if the path
    /// to the backend is narrower than it was known to be; or why the router is not believed.
    [[nodiscard]] tl::expected<bool, Doubt> hear(const Quotation& quotation, const tl::expected<Proof, Doubt>& checked,
                                                 const NextHop& hop, Clock::time_point now);
    /// What is known of the path to a backend by this hop.
    [[nodiscard]] const Learned* find(const IpAddress& backend, const NextHop& hop) const;
    /// Forgets what has grown old, and says of whom.
    [[nodiscard]] std::vector<IpAddress> expire(Clock::time_point now);
    void forget(const IpAddress& backend);

  private:
    std::map<IpAddress, Learned> learned_;
    std::map<IpAddress, common::TokenBucket> guesses_;  // that were wrong
};

}  // namespace culvert::lbd
