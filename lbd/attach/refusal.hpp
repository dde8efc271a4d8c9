// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lbd/model/config.hpp"
#include "netlink/channels.hpp"
#include "netlink/link.hpp"
#include "netlink/result.hpp"
#include "netlink/xdp_features.hpp"

/// Why the program can't run on an interface, and what helps. Values only.
namespace culvert::lbd {

/// The kernel has refused the program.
struct Refusal {
    netlink::Link link;
    XdpMode mode = XdpMode::native;
    int code = 0;                               ///< errno
    std::string kernel;                         ///< its own text; empty: it has said none
    std::uint32_t page_size = 4096;             ///< bytes
    std::optional<netlink::Link> peer;          ///< the other end of a veth, if it is in this network namespace
    std::optional<netlink::Channels> channels;  ///< of the link
    std::optional<netlink::Channels> peer_channels;

    bool operator==(const Refusal&) const = default;
};

/// A command that makes the kernel take it, and what else there is; for an error.
[[nodiscard]] std::string cure_of(const Refusal& refusal);
[[nodiscard]] netlink::Error refused(const Refusal& refusal);

/// What an interface's driver says that it can do.
struct Driver {
    netlink::Link link;
    std::optional<netlink::XdpFeatures> features;  ///< nothing: the kernel (before 6.3) can't tell
    std::optional<netlink::Link> peer;             ///< as above
    bool runs = false;                             ///< our program, native: without one, some drivers don't transmit

    bool operator==(const Driver&) const = default;
};

/// What native XDP lacks there; nothing if it lacks nothing, as far as is known. `several`: packets leave by other
/// interfaces than they came by.
[[nodiscard]] std::optional<netlink::Error> native_lacks(const Driver& driver, bool several);

/// Somebody else's program is on the interface; `removal` is the command that takes it away.
[[nodiscard]] netlink::Error taken(const std::string& name, std::string removal);

}  // namespace culvert::lbd
