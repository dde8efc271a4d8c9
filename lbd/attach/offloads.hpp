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

/// Turns off the offloads that disturb generic XDP while it is attached, and restores them afterwards. A file has the
/// original state, so that a later lbd can restore it too.
class Offloads {
  public:
    [[nodiscard]] static netlink::Result<Offloads> open(std::filesystem::path file);

    /// Call before attaching programs to new ports, as the kernel then turns off some offloads by itself.
    void look(const std::vector<Attachment>& attached, const Links& ports, const Links& links);
    /// Turns off the offloads that disturb these programs, restores those that no longer do, and logs it. EOPNOTSUPP,
    /// with the cure, if that is impossible: packets would be lost.
    [[nodiscard]] netlink::Result<> follow(const std::vector<Attachment>& programs, const Links& links);
    /// Restores all offloads, after the last program was detached.
    [[nodiscard]] netlink::Result<> restore();

  private:
    Offloads(std::filesystem::path file, Originals originals)
        : file_(std::move(file)), originals_(std::move(originals)) {}

    [[nodiscard]] netlink::Result<> keep(Originals originals);

    std::filesystem::path file_;
    Originals originals_;
    FoundFeatures before_;
};

/// EOPNOTSUPP, with the cure, if one of these programs would not see VLAN tags.
[[nodiscard]] netlink::Result<> check_tags(const std::vector<Attachment>& programs, const Links& links);
/// The same check before programs are attached to these ports.
[[nodiscard]] netlink::Result<> check_tags(const Links& ports, XdpMode wanted, const Links& links);

/// The file beside the control socket: "/run/culvert/lbd/lbd.offloads.json".
[[nodiscard]] std::filesystem::path offloads_file(std::filesystem::path socket);

}  // namespace culvert::lbd
