// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "bench/packet/workload.hpp"
#include "bpf/abi.h"

struct bpf_object;

/// The measured programs, loaded. Errors of the operating system are thrown.
namespace culvert::bench {

/// Destroys BPF objects that a skeleton opened.
class Subject {
  public:
    enum class Kind : std::uint8_t {
        ours,   ///< bpf/lb.bpf.c
        lru,    ///< the same with an LRU hash as its flow table
        floor,  ///< only makes room and writes a constant header
        line,   ///< also reads a line of memory for each flow, from as many lines as our flow table has
    };

    /// With the workload's services and backends.
    static Subject load(Kind kind, const Workload& workload);

    [[nodiscard]] int program() const;  ///< a file descriptor, valid as long as this lives
    /// The number of instructions that the verifier walked.
    [[nodiscard]] std::uint32_t verified_instructions() const;
    /// Forwarded packets so far, over all destinations.
    [[nodiscard]] lb_counters forwarded() const;
    /// Dropped packets so far, for any reason.
    [[nodiscard]] std::uint64_t dropped() const;
    [[nodiscard]] bool counts() const { return counts_; }
    /// Whether each flow has an entry in the flow table.
    [[nodiscard]] bool tracks_each() const { return tracks_each_; }

  private:
    Subject(std::shared_ptr<bpf_object> object, const char* program, bool counts, bool tracks_each);

    std::shared_ptr<bpf_object> object_;
    const char* program_;
    bool counts_;
    bool tracks_each_;
};

}  // namespace culvert::bench
