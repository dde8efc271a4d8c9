// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "lbd/attach/plan.hpp"
#include "lbd/datapath/pins.hpp"
#include "lbd/model/config.hpp"
#include "netlink/link.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::lbd {

/// Links by index.
using Ports = std::map<std::uint32_t, netlink::Link>;

/// An interface as the kernel has it now.
struct Seen {
    netlink::Link link;
    std::optional<XdpMode> mode;  ///< that a program of ours runs in; nothing if none does
    std::uint32_t program = 0;    ///< its id
};

/// Asks the kernel about interfaces and the programs on them.
class Look {
  public:
    /// `pins` outlives this.
    [[nodiscard]] static netlink::Result<Look> open(const Pins& pins);

    /// Of these, those that are still there.
    [[nodiscard]] netlink::Result<std::vector<Seen>> at(const Ports& ports);
    /// The same, judged: `program` is the id of the present one.
    [[nodiscard]] netlink::Result<std::vector<Port>> judge(const Ports& ports, std::uint32_t program);

    /// Why the kernel refuses this program (its file descriptor), in its own words: `code` is what it said to a
    /// bpf_link, or to the exchange of one.
    [[nodiscard]] netlink::Error why(int program, std::uint32_t ifindex, XdpMode mode, int code);

  private:
    Look(const Pins& pins, netlink::Socket route, netlink::Socket generic)
        : pins_(&pins), route_(std::move(route)), generic_(std::move(generic)) {}

    [[nodiscard]] netlink::Result<Seen> seen(netlink::Link link) const;
    /// The other end of a veth, if it is in this network namespace.
    [[nodiscard]] std::optional<netlink::Link> peer_of(const netlink::Link& link);
    [[nodiscard]] std::string words(int program, std::uint32_t ifindex, XdpMode mode);

    const Pins* pins_;
    netlink::Socket route_;
    netlink::Socket generic_;
};

}  // namespace culvert::lbd
