// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <tl/expected.hpp>

struct bpf_program;  // libpcap's, whose header and linux/bpf.h both define bpf_insn

namespace culvert::lbd {

/// A filter expression of tcpdump (pcap-filter(7)), for Ethernet frames.
class Filter {
  public:
    /// The error is libpcap's text. An empty expression matches everything.
    [[nodiscard]] static tl::expected<Filter, std::string> compile(const std::string& expression);

    /// `length`: bytes of the whole frame, of which only `bytes` were captured.
    [[nodiscard]] bool matches(std::span<const std::uint8_t> bytes, std::uint32_t length) const;

  private:
    struct Free {
        void operator()(bpf_program* program) const;
    };
    using Program = std::unique_ptr<bpf_program, Free>;
    explicit Filter(Program program) : program_(std::move(program)) {}

    Program program_;
};

}  // namespace culvert::lbd
