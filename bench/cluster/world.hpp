// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "bench/cluster/connections.hpp"
#include "bench/cluster/options.hpp"
#include "lbd/model/health.hpp"
#include "lbd/model/hops.hpp"
#include "lbd/model/services.hpp"

namespace culvert::bench::cluster {

/// The only service, as a balancer is told of it.
struct News {
    lbd::Services services;
    lbd::Hops hops;
    lbd::Health health;
};

inline constexpr const char* service_name = "web";
/// "b17"
[[nodiscard]] std::string name_of(BackendIndex backend);
[[nodiscard]] BackendIndex index_of(const std::string& name);

/// Backends and balancers that come and go, and the router in front of the balancers.
class World {
  public:
    World(const Options& options, lbd::Track track);

    /// What happens at this time.
    struct Step {
        std::optional<unsigned> starts;                                      ///< a balancer
        std::optional<unsigned> dies;                                        ///< likewise
        std::vector<std::pair<unsigned, std::shared_ptr<const News>>> told;  ///< which balancers hear of what
    };
    /// Call for each tick.
    [[nodiscard]] Step begin(Tick now);

    [[nodiscard]] const News& news() const { return *news_; }
    [[nodiscard]] bool is_up(unsigned balancer) const { return up_[balancer]; }
    /// The balancer that gets the packets of a connection.
    [[nodiscard]] unsigned balancer_of(std::uint64_t hash) const { return ecmp_[hash % ecmp_.size()]; }

    [[nodiscard]] bool is_dead(BackendIndex backend) const { return backends_[backend].state == State::dead; }
    /// Connections to a backend end with it.
    [[nodiscard]] std::uint8_t deaths(BackendIndex backend) const { return backends_[backend].deaths; }

  private:
    enum class State : std::uint8_t { active, draining, dead, removed };
    struct Backend {
        State state = State::active;
        Tick since = 0;
        std::uint8_t deaths = 0;
    };

    [[nodiscard]] std::size_t below(std::size_t end) { return random_() % end; }
    void change_backends(Tick now);
    void leave(State how, Tick now);
    void change_balancers(Step& step);
    void route();
    [[nodiscard]] std::shared_ptr<const News> tell() const;

    Options options_;
    lbd::Track track_;
    Tick first_;  // change
    std::mt19937_64 random_;
    std::vector<Backend> backends_;
    std::vector<bool> up_;
    std::vector<std::uint8_t> ecmp_;  // as the buckets of a resilient group of next hops
    std::shared_ptr<const News> news_;
    struct Pending {
        Tick at;
        unsigned balancer;
        std::shared_ptr<const News> news;
    };
    std::vector<Pending> pending_;
};

}  // namespace culvert::bench::cluster
