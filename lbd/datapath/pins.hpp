// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/fd.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

using common::Fd;

/// A program and its maps. The next generation may share some of the maps.
struct Generation {
    std::uint32_t abi = 0;  ///< LB_ABI_VERSION of the lbd that made it
    std::uint32_t number = 0;
    std::string directory;  ///< ends with a slash

    [[nodiscard]] std::string pin(const std::string& name) const { return directory + name; }
};

/// Name of the file that is pinned last, so a generation that has it is complete.
inline constexpr const char* program_pin = "program";

/// An XDP program on an interface. It stays attached when this process ends.
struct PinnedLink {
    std::string path;
    Fd fd;
    std::uint32_t ifindex = 0;  ///< 0: the interface is gone
    std::uint32_t program = 0;  ///< program id
};

/// What outlives the process, in /sys/fs/bpf/culvert/lbd/<cookie of the network namespace>/:
///     <ABI version>-<number>/…    a generation
///     links/<interface index>     the link of a program to an interface
///     losses/…                    programs that count frames lost after XDP
class Pins {
  public:
    /// The pins of this thread's network namespace. EWOULDBLOCK while another process has them open.
    [[nodiscard]] static netlink::Result<Pins> open();
    /// For reading only, also while another process has them open.
    [[nodiscard]] static netlink::Result<Pins> look();

    /// The generation that packets see, or the newest if a process was killed during a change. Nothing if there is
    /// none; EPROTO if its ABI version is another.
    [[nodiscard]] netlink::Result<std::optional<Generation>> present() const;
    /// Makes an empty generation, newer than all others.
    [[nodiscard]] netlink::Result<Generation> make_next() const;
    /// Removes all other generations.
    void keep_only(const Generation& generation) const;
    static void remove(const Generation& generation);

    [[nodiscard]] std::vector<PinnedLink> links() const;
    /// Runs the program on the interface, in place of our earlier program without a gap. `flags` are XDP_FLAGS_* of
    /// linux/if_link.h, for an interface without our program. The error is the kernel's.
    [[nodiscard]] netlink::Result<> attach(int program, std::uint32_t ifindex, std::uint32_t flags) const;
    /// The link of the interface; nothing if it was detached by anybody.
    [[nodiscard]] std::optional<PinnedLink> link(std::uint32_t ifindex) const;
    /// Likewise, but a link that exists and cannot be read is an error.
    [[nodiscard]] netlink::Result<std::optional<PinnedLink>> read_link(std::uint32_t ifindex) const;
    [[nodiscard]] static netlink::Result<> detach(const PinnedLink& link);
    /// Removes the pins of links that were detached, and of interfaces that are gone.
    void forget_detached() const;

    /// Directory of the programs that count losses; ends with a slash.
    [[nodiscard]] std::string losses() const { return home_ + "losses/"; }

    /// Removes everything. Packets then go to the kernel as before.
    [[nodiscard]] netlink::Result<> remove() const;

  private:
    Pins(std::string home, Fd lock) : home_(std::move(home)), lock_(std::move(lock)) {}

    [[nodiscard]] std::vector<Generation> generations() const;  // newest first

    std::string home_;  // ends with a slash
    Fd lock_;
};

}  // namespace culvert::lbd
