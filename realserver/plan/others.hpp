// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "realserver/model/desired.hpp"
#include "realserver/model/record.hpp"
#include "realserver/model/state.hpp"

/// Tunnel devices that realserver did not make, and their effect on ours.
namespace culvert::realserver {

struct OtherTunnel {
    std::string device;
    std::string what;        ///< "ipip, external"
    std::string instead_of;  ///< the device whose packets it receives; empty: none
    /// The rp_filter that drops these packets of IPv4: the larger value of the device and of "all"; 0: none.
    long rp_filter = 0;
    bool of_ipsec = false;        ///< a vti: it drops packets that did not arrive by IPsec
    bool is_kernels_own = false;  ///< the vti that comes with the module, and can't be deleted
    bool guarded = false;         ///< the guard checks the packets from it, and accepts only a listed other end
    bool listed = true;           ///< its other end is a balancer, in `tunnels` or in `tunnel_peers`, or not set
    std::string remote{};         ///< its other end; empty: any
    /// The network namespace that the device is in, if it is another one: an id of `ip netns list-id`.
    std::optional<std::int32_t> netns{};
    bool is_split = false;  ///< the device is here, and its outer packets in another network namespace
    bool operator==(const OtherTunnel&) const = default;

    /// "ipip0 (ipip, external) receives the packets meant for tunl0, and …"
    [[nodiscard]] std::string to_string() const;
};

/// The devices that receive balancers' packets in place of ours, and those whose packets the guard drops, as of now.
[[nodiscard]] std::vector<OtherTunnel> other_tunnels(const Desired& desired, const Observed& observed,
                                                     const Record& record);

/// The fallback device that should have this name and has another; empty if there is none. An IPv4 device without ends
/// is the fallback device, as the kernel allows only one.
[[nodiscard]] std::string renamed_fallback(std::string_view name, const HostState& state);

}  // namespace culvert::realserver
