// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <nlohmann/json_fwd.hpp>

#include "bench/sharing/options.hpp"
#include "lbd/model/cluster_key.hpp"
#include "tests/netns/harness/host.hpp"
#include "tests/netns/harness/process.hpp"

namespace culvert::bench::sharing {

/// What lbd has done until now. Records and bytes are of all peers.
struct Counts {
    double processor = 0;  ///< seconds
    std::uint64_t records_in = 0, records_out = 0;
    std::uint64_t bytes_in = 0, bytes_out = 0;
    std::uint64_t memory = 0;  ///< of the process, without maps, bytes
    std::uint64_t entries = 0;
    unsigned peers = 0;  ///< that are up
    std::uint64_t waiting = 0;
    std::chrono::milliseconds lag{};  ///< the longest
};

/// The measured balancer: lbd as it is, in a namespace.
///   clients ── eth0 balancer eth1 ── backends
///  10.0.0.1     .2    │ eth2  10.1.0.254   10.1.0.1 to .100
///                     └────── others, 10.2.1.1 and so on
class Observed {
  public:
    explicit Observed(const Options& options);

    [[nodiscard]] const netns::Host& clients() const { return clients_; }
    [[nodiscard]] const netns::Host& others() const { return others_; }
    [[nodiscard]] const lbd::ClusterKey& key() const { return key_; }

    void start();
    /// With this backend drained; 0: none.
    void reload(unsigned drained);
    /// Also takes the program out of the kernel.
    void stop();
    [[nodiscard]] Counts counts() const;
    /// The part of the slots that are in transition.
    [[nodiscard]] double moving() const;

  private:
    [[nodiscard]] std::string config(unsigned drained) const;
    [[nodiscard]] nlohmann::json show(const char* what) const;

    const Options& options_;
    netns::Host host_, clients_, backends_, others_;
    lbd::ClusterKey key_;
    std::optional<netns::Process> process_;
};

}  // namespace culvert::bench::sharing
