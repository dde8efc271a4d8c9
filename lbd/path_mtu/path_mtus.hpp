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

/// Path MTUs to backends that routers reported and that are below the link's MTU. Times are passed in.
///
/// A report can be forged by anybody who sees packets to a backend, or guesses right. So it is valid for ten minutes
/// only, at no less than 1280 bytes. Beside many wrong guesses about a backend, one report that might be a guess does
/// not suffice: a router reports each packet that is too long, but who guesses is seldom right twice in a row.
class PathMtus {
  public:
    using Clock = std::chrono::steady_clock;

    /// RFC 1191, section 6.3.
    static constexpr std::chrono::minutes lifetime{10};
    /// The least MTU of IPv6 links (RFC 8200, section 5), in bytes of the IP packet. For a smaller one, the
    /// administrator sets the mtu of the route.
    static constexpr std::uint16_t least = 1280;

    struct Learned {
        std::uint16_t mtu = 0;   ///< bytes of IP packet
        std::uint32_t told = 0;  ///< the MTU that the router reported, which may be less
        IpAddress router;
        std::uint32_t ifindex = 0;  ///< interface of the next hop
        netlink::MacAddress next;   ///< its MAC address; another next hop is another path
        Clock::time_point until;
    };

    /// Handles a router's report about a packet to this next hop. `checked` is the result of Sent::check(). True if the
    /// path is narrower than was known; or the reason why the report is not believed.
    [[nodiscard]] tl::expected<bool, Doubt> hear(const Quotation& quotation, const tl::expected<Proof, Doubt>& checked,
                                                 const NextHop& hop, Clock::time_point now);
    /// The reported path MTU to a backend by this next hop; null if there is none.
    [[nodiscard]] const Learned* find(const IpAddress& backend, const NextHop& hop) const;
    /// Forgets reports that have expired, and returns their backends.
    [[nodiscard]] std::vector<IpAddress> expire(Clock::time_point now);
    void forget(const IpAddress& backend);

  private:
    /// Reports about a backend that are wrong, or right but might be guesses.
    class Guesses {
      public:
        void add_wrong(Clock::time_point now);
        /// Whether a right one that reports this MTU is believed.
        [[nodiscard]] bool add_right(std::uint32_t told, Clock::time_point now);

      private:
        common::TokenBucket few_wrong_ = few();
        std::uint32_t told_ = 0;
        std::uint32_t right_ = 0;  // in a row that reported told_
        std::uint32_t wrong_ = 0;  // since the first of these

        static common::TokenBucket few();
    };

    std::map<IpAddress, Learned> learned_;
    std::map<IpAddress, Guesses> guesses_;
};

}  // namespace culvert::lbd
