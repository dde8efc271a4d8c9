// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lbd/attach/offload.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The offloads of devices that generic XDP can't live with: off while it is attached, then as they were. What was on
/// is kept in a file, so a later lbd knows it, too.
class Offloads {
  public:
    [[nodiscard]] static netlink::Result<Offloads> open(std::filesystem::path file);

    /// Before programs are attached to those of these ports that have none yet: the kernel turns some off by itself.
    void look(const std::vector<Attachment>& attached, const Links& ports, const Links& links);
    /// Turns off what stands in the way of these programs, on again what does no longer, and says so in the log.
    /// EOPNOTSUPP if that can't be done, with the cure: packets would be lost.
    [[nodiscard]] netlink::Result<> follow(const std::vector<Attachment>& programs, const Links& links);
    /// There is no program any more.
    [[nodiscard]] netlink::Result<> restore();

  private:
    Offloads(std::filesystem::path file, Originals originals)
        : file_(std::move(file)), originals_(std::move(originals)) {}

    [[nodiscard]] netlink::Result<> keep(Originals originals);

    std::filesystem::path file_;
    Originals originals_;
    FoundFeatures before_;
};

/// EOPNOTSUPP, with the cure, if one of these programs would not see VLAN tags, which can't be helped.
[[nodiscard]] netlink::Result<> check_tags(const std::vector<Attachment>& programs, const Links& links);
/// The same before there are any, on these ports.
[[nodiscard]] netlink::Result<> check_tags(const Links& ports, XdpMode wanted, const Links& links);

/// Beside the control socket: "/run/culvert/lbd/lbd.offloads.json".
[[nodiscard]] std::filesystem::path offloads_file(std::filesystem::path socket);

}  // namespace culvert::lbd
