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

/// Hears of every packet that the kernel drops in one network namespace. The only file that knows the BPF program.
class DropSource {
  public:
    using OnDrop = std::function<void(const Drop&)>;

    /// Attaches to the running kernel until its end. `cookie` is the namespace's. Frames without IP are not told of.
    [[nodiscard]] static netlink::Result<DropSource> open(std::uint64_t cookie, Config config, OnDrop on_drop);

    DropSource(DropSource&& other) noexcept;
    ~DropSource();

    /// Readable when there is something to consume.
    [[nodiscard]] int fd() const;
    /// Tells of all drops that have happened since.
    void consume();
    /// Drops that came faster than they were consumed.
    [[nodiscard]] std::uint64_t lost() const;

  private:
    struct Program;
    explicit DropSource(std::unique_ptr<Program> program);
    std::unique_ptr<Program> program_;
};

}  // namespace culvert::realserver
