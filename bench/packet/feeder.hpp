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

    /// Nanoseconds a packet, the feeder's own included, and a check that each of the `packets` met the fate that the
    /// workload means; anything else is thrown. Flows begin where the last run ended if each is to be a new one.
    double run(const Subject& subject, std::uint64_t packets);
    /// The feeder's own.
    double run_alone(std::uint64_t packets);

  private:
    struct Destroy {
        void operator()(feeder_bpf* skeleton) const;
    };

    double send(int program, std::uint64_t packets, std::uint32_t verdict);

    Workload workload_;
    std::vector<std::uint8_t> frame_;
    std::unique_ptr<feeder_bpf, Destroy> skeleton_;
};

}  // namespace culvert::bench
