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

/// A program and its maps. The next one may have some of its maps.
struct Generation {
    std::uint32_t abi = 0;  ///< LB_ABI_VERSION of the lbd that made it
    std::uint32_t number = 0;
    std::string directory;  ///< ends with a slash

    [[nodiscard]] std::string pin(const std::string& name) const { return directory + name; }
};

/// Name of the file that is pinned last in a generation, and says that it is whole.
inline constexpr const char* program_pin = "program";

/// An XDP program on an interface, which stays when this process ends.
struct PinnedLink {
    std::string path;
    Fd fd;
    std::uint32_t ifindex = 0;  ///< 0: the interface is gone
    std::uint32_t program = 0;  ///< id
};

/// What outlives the process, in /sys/fs/bpf/culvert/lbd/<cookie of the network namespace>/:
///     <ABI version>-<number>/…    a generation
///     links/<interface index>     where a program runs
///     losses/…                    what counts frames that are lost behind it
class Pins {
  public:
    /// Of the calling thread's network namespace. EWOULDBLOCK while another process has them open.
    [[nodiscard]] static netlink::Result<Pins> open();
    /// To look at only, whoever has them open.
    [[nodiscard]] static netlink::Result<Pins> look();

    /// The generation that packets see; of several, as after a kill amid a change, the newest. Nothing if there is
    /// none. EPROTO if its ABI is not ours.
    [[nodiscard]] netlink::Result<std::optional<Generation>> present() const;
    /// An empty one, newer than all.
    [[nodiscard]] netlink::Result<Generation> make_next() const;
    /// Removes all others.
    void keep_only(const Generation& generation) const;
    static void remove(const Generation& generation);

    [[nodiscard]] std::vector<PinnedLink> links() const;
    /// Runs the program on the interface, in place of an earlier one of ours between two packets. `flags`: XDP_FLAGS_*
    /// of linux/if_link.h, for an interface that has none yet. The error is that of the kernel.
    [[nodiscard]] netlink::Result<> attach(int program, std::uint32_t ifindex, std::uint32_t flags) const;
    /// That of the interface, unless it was detached: by whomever.
    [[nodiscard]] std::optional<PinnedLink> link(std::uint32_t ifindex) const;
    /// The same, for whom it makes a difference that it is there but can't be read.
    [[nodiscard]] netlink::Result<std::optional<PinnedLink>> read_link(std::uint32_t ifindex) const;
    [[nodiscard]] static netlink::Result<> detach(const PinnedLink& link);
    /// Forgets links that were detached, and those of interfaces that are gone.
    void forget_detached() const;

    /// Where what counts losses is pinned; ends with a slash.
    [[nodiscard]] std::string losses() const { return home_ + "losses/"; }

    /// All of it. Packets then take the way that they had before.
    [[nodiscard]] netlink::Result<> remove() const;

  private:
    Pins(std::string home, Fd lock) : home_(std::move(home)), lock_(std::move(lock)) {}

    [[nodiscard]] std::vector<Generation> generations() const;  // the newest first

    std::string home_;  // ends with a slash
    Fd lock_;
};

}  // namespace culvert::lbd
