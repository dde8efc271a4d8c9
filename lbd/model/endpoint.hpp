// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "netlink/address.hpp"

namespace culvert::lbd {

/// Address and port of a socket. The port is in host order.
struct Endpoint {
    netlink::IpAddress address;
    std::uint16_t port = 0;
    bool operator==(const Endpoint&) const = default;

    /// "127.0.0.1:9477", "[::1]:9477"
    [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    /// In the form that bind(2) and connect(2) accept.
    [[nodiscard]] std::pair<sockaddr_storage, socklen_t> to_sockaddr() const;
};

}  // namespace culvert::lbd
