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
    /// Lines as in /proc/kallsyms. If the kernel hides addresses (kptr_restrict), no function is found.
    explicit KernelSymbols(std::istream& lines);

    /// The function at an address, without suffixes added by the compiler; empty if unknown.
    [[nodiscard]] std::string function_at(std::uint64_t address) const;

  private:
    std::vector<std::pair<std::uint64_t, std::string>> functions_;  // sorted
};

}  // namespace culvert::realserver
