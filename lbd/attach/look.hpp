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

/// The state of an interface in the kernel.
struct Seen {
    netlink::Link link;
    std::optional<XdpMode> mode;  ///< mode of our program; absent: our program is not there
    std::uint32_t program = 0;    ///< id of our program
};

/// Reads from the kernel the state of interfaces and of the programs on them.
class Look {
  public:
    /// `pins` must outlive this.
    [[nodiscard]] static netlink::Result<Look> open(const Pins& pins);

    /// The state of those interfaces that still exist.
    [[nodiscard]] netlink::Result<std::vector<Seen>> at(const Ports& ports);
    /// Likewise, with the reasons why the program cannot run there. `program` is the id of the present one.
    [[nodiscard]] netlink::Result<std::vector<Port>> judge(const Ports& ports, std::uint32_t program);

    /// The kernel's text about why it refuses this program (a file descriptor). `code` is the error of creating or
    /// updating the bpf_link.
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
