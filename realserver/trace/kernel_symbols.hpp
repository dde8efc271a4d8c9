// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <utility>
#include <vector>

namespace culvert::realserver {

/// The kernel's functions by address, from /proc/kallsyms.
class KernelSymbols {
  public:
    /// Lines as in /proc/kallsyms. Where the kernel hides addresses (kptr_restrict), nothing is known.
    explicit KernelSymbols(std::istream& lines);

    /// The function at an address, without what compilers put behind its name; empty if it is not known.
    [[nodiscard]] std::string function_at(std::uint64_t address) const;

  private:
    std::vector<std::pair<std::uint64_t, std::string>> functions_;  // in order
};

}  // namespace culvert::realserver
