// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lbd/cluster/comparison.hpp"
#include "lbd/cluster/message.hpp"
#include "lbd/cluster/peer_views.hpp"
#include "lbd/model/service_view.hpp"

namespace culvert::lbd {

/// Our views, by service.
using OwnViews = std::map<std::string, std::shared_ptr<const ServiceView>>;

/// What we and one peer do not agree on. Digests tell in which services; for those the peer is asked for its lines.
class Disagreements {
  public:
    using Clock = std::chrono::steady_clock;

    /// A reload, or a check that fails, reaches balancers one after the other.
    static constexpr std::chrono::seconds asked_after{2};
    static constexpr std::chrono::seconds warned_after{30};

    /// The views of either side have changed.
    void compare(const OwnViews& ours, const PeerViews& theirs, Clock::time_point now);
    /// Likewise, of the balancers as a whole.
    void compare(const Hello& ours, const Hello& theirs, Clock::time_point now);
    /// There is nothing to compare with.
    void forget();

    /// A service of which the lines should be asked for. While a question is open, there is no other.
    [[nodiscard]] std::optional<std::string> next_question(const OwnViews& ours, Clock::time_point now);
    void take(const Lines& lines);
    /// The connection has ended, and with it the question.
    void drop_question() { comparison_.reset(); }

    [[nodiscard]] std::size_t total() const;
    /// The first ones, not more than `most`.
    [[nodiscard]] std::vector<Disagreement> first(std::size_t most) const;
    /// Those that have lasted, each once.
    [[nodiscard]] std::vector<Disagreement> take_warnings(Clock::time_point now);

  private:
    using Digests = std::pair<std::uint64_t, std::uint64_t>;  // of our view and the peer's; 0: there is no such service

    struct Service {
        Digests digests;
        Clock::time_point since;  // they have been different
        std::optional<Digests> asked;
        std::size_t total = 1;
        std::vector<Disagreement> found;
        bool is_known = false;  // `found` is
        bool told = false;
    };
    void differs(const std::string& service, Digests digests, Clock::time_point now);

    std::map<std::string, Service> services_;  // "": the balancers as a whole
    std::optional<Comparison> comparison_;     // the open question
};

}  // namespace culvert::lbd
