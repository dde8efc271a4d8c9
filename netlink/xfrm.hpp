// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/attributes.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::netlink {

/// Which packets a policy of IPsec looks at. Packets that it handles have all given members.
struct IpsecSelector {
    Prefix source;
    Prefix destination;             ///< of the same family
    std::uint8_t protocol = 0;      ///< IANA number; 0: any
    std::uint16_t source_port = 0;  ///< host order; 0: any
    std::uint16_t destination_port = 0;

    bool operator==(const IpsecSelector&) const = default;
};

enum class IpsecDirection : std::uint8_t { in, out, forward };

/// What the kernel does with packets (`ip xfrm policy`). Of several policies, the first one counts.
struct IpsecPolicy {
    std::uint32_t index = 0;
    IpsecDirection direction = IpsecDirection::in;
    IpsecSelector selector;
    std::uint32_t priority = 0;  ///< lower ones come first
    bool blocks = false;
    std::uint32_t mark = 0;            ///< compared under the policy's mask
    std::uint32_t xfrm_interface = 0;  ///< XFRMA_IF_ID: only packets of such an interface; 0: of no such one

    bool operator==(const IpsecPolicy&) const = default;
};

/// What happens to packets that no policy handles (`ip xfrm policy getdefault`).
struct IpsecDefaults {
    bool in_blocked = false;
    bool out_blocked = false;

    bool operator==(const IpsecDefaults&) const = default;
};

/// From one XFRM_MSG_NEWPOLICY message. Nothing if it is malformed, or the policy of a socket.
[[nodiscard]] std::optional<IpsecPolicy> decode_ipsec_policy(Bytes message);

/// `xfrm`: a socket of NETLINK_XFRM.
[[nodiscard]] Result<std::vector<IpsecPolicy>> ipsec_policies(Socket& xfrm);
/// EINVAL on kernels before 5.14.
[[nodiscard]] Result<IpsecDefaults> ipsec_defaults(Socket& xfrm);

}  // namespace culvert::netlink
