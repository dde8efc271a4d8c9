// SPDX-License-Identifier: Apache-2.0
#include "netlink/xdp_features.hpp"

#include <linux/genetlink.h>

#include <string>

#include "netlink/generic.hpp"

namespace culvert::netlink {

namespace {

// include/uapi/linux/netdev.h, which is not in headers of 6.1.
constexpr const char* family_name = "netdev";
constexpr std::uint8_t family_version = 1;
constexpr std::uint8_t command_get_device = 1;
constexpr int attribute_ifindex = 1;
constexpr int attribute_features = 3;
constexpr std::uint64_t basic = 1;
constexpr std::uint64_t redirect = 2;
constexpr std::uint64_t transmit = 4;

}  // namespace

std::optional<XdpFeatures> decode_xdp_features(Bytes message) {
    const auto parsed = parse<genlmsghdr>(message);
    const auto features =
        parsed ? parsed->attributes.structure<std::uint64_t>(attribute_features) : std::optional<std::uint64_t>();
    if (!features) return std::nullopt;
    return XdpFeatures{.native = (*features & basic) != 0,
                       .redirects = (*features & redirect) != 0,
                       .transmits = (*features & transmit) != 0};
}

Result<XdpFeatures> xdp_features(Socket& generic, std::uint32_t ifindex) {
    const std::string operation = "get XDP features of";
    const std::string object = "index " + std::to_string(ifindex);
    TRY(const int family, generic_family(generic, family_name, operation, object));
    Message message(family, 0, genlmsghdr{.cmd = command_get_device, .version = family_version});
    message.u32(attribute_ifindex, ifindex);
    return generic.query(std::move(message), operation, object, decode_xdp_features);
}

}  // namespace culvert::netlink
