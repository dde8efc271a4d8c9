// SPDX-License-Identifier: Apache-2.0
#include "netlink/generic.hpp"

#include <linux/genetlink.h>

#include <optional>

namespace culvert::netlink {

namespace {

std::optional<int> decode_family_id(Bytes message) {
    const auto parsed = parse<genlmsghdr>(message);
    const auto id = parsed ? parsed->attributes.u16(CTRL_ATTR_FAMILY_ID) : std::nullopt;
    return id ? std::optional<int>(*id) : std::nullopt;
}

}  // namespace

Result<int> generic_family(Socket& generic, std::string_view name, const std::string& operation,
                           const std::string& object) {
    Message message(GENL_ID_CTRL, 0, genlmsghdr{.cmd = CTRL_CMD_GETFAMILY, .version = 1});
    message.text(CTRL_ATTR_FAMILY_NAME, name);
    return generic.query(std::move(message), operation, object, decode_family_id);
}

}  // namespace culvert::netlink
