// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/packet/subject.hpp"
#include "bench/packet/workload.hpp"

struct feeder_bpf;

namespace culvert::bench {

/// Sends packets to a program, by BPF_PROG_TEST_RUN.
class Feeder {
  public:
    explicit Feeder(const Workload& workload);

    /// Nanoseconds a packet, with the feeder's own time. Throws unless each of the `packets` met the expected fate.
    /// Flows begin where the last run ended if each must be a new one.
    double run(const Subject& subject, std::uint64_t packets);
    /// The feeder's own time.
    double run_alone(std::uint64_t packets);

  private:
    struct Destroy {
        void operator()(feeder_bpf* skeleton) const;
    };

    [[nodiscard]] bool is_right(std::uint64_t new_flows, std::uint64_t packets, bool each) const;
    double send(int program, std::uint64_t packets, std::uint32_t verdict);

    Workload workload_;
    std::vector<std::uint8_t> frame_;
    std::unique_ptr<feeder_bpf, Destroy> skeleton_;
};

}  // namespace culvert::bench
