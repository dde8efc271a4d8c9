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

/// Why the program cannot run on an interface, and the cure. Values only.
namespace culvert::lbd {

/// The kernel's refusal of the program.
struct Refusal {
    netlink::Link link;
    XdpMode mode = XdpMode::native;
    int code = 0;                               ///< errno
    std::string kernel;                         ///< its error text; may be empty
    std::uint32_t page_size = 4096;             ///< bytes
    std::optional<netlink::Link> peer;          ///< the other end of a veth, if it is in this network namespace
    std::optional<netlink::Channels> channels;  ///< queues of the link
    std::optional<netlink::Channels> peer_channels;

    bool operator==(const Refusal&) const = default;
};

/// The command after which the kernel accepts the program, and the alternatives; for an error message.
[[nodiscard]] std::string cure_of(const Refusal& refusal);
[[nodiscard]] netlink::Error refused(const Refusal& refusal);

/// The abilities that a driver reports.
struct Driver {
    netlink::Link link;
    std::optional<netlink::XdpFeatures> features;  ///< absent: the kernel (before 6.3) does not report them
    std::optional<netlink::Link> peer;             ///< as above
    bool runs = false;                             ///< our native program runs; some drivers need that to transmit

    bool operator==(const Driver&) const = default;
};

/// What native XDP lacks there; absent: nothing is known. `several`: packets may leave by other interfaces than they
/// arrived on.
[[nodiscard]] std::optional<netlink::Error> native_lacks(const Driver& driver, bool several);

/// The error for a foreign program on the interface. `removal` is the command that removes it.
[[nodiscard]] netlink::Error taken(const std::string& name, std::string removal);

}  // namespace culvert::lbd
