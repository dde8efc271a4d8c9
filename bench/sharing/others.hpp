// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "lbd/model/cluster_key.hpp"
#include "tests/netns/harness/host.hpp"

namespace culvert::bench::sharing {

inline constexpr const char* observed_address = "10.2.0.1";
/// Of the other balancers, from 1 on.
[[nodiscard]] std::string address_of_other(unsigned number);

/// All balancers of the cluster but the observed one, in a process of their own. They run lbd's connections and
/// messages, but have no flow table. They tell what a balancer with as much traffic as the observed one would: for
/// each record that reaches one of them, it tells of another flow of the same slot.
class Others {
  public:
    /// `joined`: records that the first of them has for one who joins.
    Others(const netns::Host& host, unsigned count, const lbd::ClusterKey& key, std::uint32_t joined = 0);
    ~Others();
    Others(const Others&) = delete;
    Others& operator=(const Others&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }

  private:
    pid_t pid_ = -1;
};

}  // namespace culvert::bench::sharing
