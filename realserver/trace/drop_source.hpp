// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "netlink/result.hpp"
#include "realserver/trace/drop.hpp"
#include "realserver/trace/kernel_symbols.hpp"

namespace culvert::realserver {

/// Reports every packet that the kernel drops in one network namespace. Only this file uses the BPF program.
class DropSource {
  public:
    using OnDrop = std::function<void(const Drop&)>;

    /// Attaches to the kernel until this is destroyed. `cookie`: the namespace's number. Ignores frames without IP.
    [[nodiscard]] static netlink::Result<DropSource> open(std::uint64_t cookie, Config config, OnDrop on_drop);

    DropSource(DropSource&& other) noexcept;
    ~DropSource();

    /// Readable if there is something to consume.
    [[nodiscard]] int fd() const;
    /// Reports all drops since the last call.
    void consume();
    /// The number of drops that were lost, as they came faster than they were consumed.
    [[nodiscard]] std::uint64_t lost() const;

  private:
    struct Program;
    explicit DropSource(std::unique_ptr<Program> program);
    std::unique_ptr<Program> program_;
};

}  // namespace culvert::realserver
