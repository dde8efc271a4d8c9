// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "realserver/model/desired.hpp"
#include "realserver/model/record.hpp"
#include "realserver/model/state.hpp"

/// Tunnel devices that realserver did not make, and what they mean to what it did.
namespace culvert::realserver {

struct OtherTunnel {
    std::string device;
    std::string what;        ///< "ipip, external"
    std::string instead_of;  ///< the device that the balancers' packets were to come out of; empty: it takes none
    /// Of those packets, IPv4 is lost: of the device, the larger of its own value and that of "all", if not 0.
    long rp_filter = 0;
    bool of_ipsec = false;        ///< a vti: it drops what has not come by IPsec, and nothing else comes out of it
    bool is_kernels_own = false;  ///< of these the one that comes with the module, which cannot be deleted
    bool guarded = false;  ///< the guard judges what comes out of it, and lets its other end in only if that is listed
    bool listed = true;    ///< its other end is a balancer's, or in `tunnels` or `tunnel_peers`, or any
    std::string remote{};  ///< its other end; empty: any
    bool operator==(const OtherTunnel&) const = default;

    /// "ipip0 (ipip, external) takes the packets that are to come out of tunl0, and …"
    [[nodiscard]] std::string to_string() const;
};

/// Those that take balancers' packets, and those whose packets the guard drops, as far as this host has them now.
[[nodiscard]] std::vector<OtherTunnel> other_tunnels(const Desired& desired, const Observed& observed,
                                                     const Record& record);

/// The kernel's own device that should have this name and has another; empty if there is none. That of IPv4 without
/// ends is the kernel's, as it would make no second one.
[[nodiscard]] std::string renamed_fallback(std::string_view name, const HostState& state);

}  // namespace culvert::realserver
