// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/endpoint.hpp"

#include <fmt/core.h>
#include <netinet/in.h>

#include <cstring>
#include <limits>

#include "common/scalars.hpp"

namespace culvert::lbd {

using netlink::IpAddress;

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const bool in_brackets = host.starts_with('[') && host.ends_with(']');
    if (in_brackets) host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    const auto port = common::yaml::decimal(text.substr(colon + 1));
    if (!address || address->is_v4() == in_brackets) return std::nullopt;
    if (!port || *port > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
    return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string Endpoint::to_string() const {
    return address.is_v4() ? fmt::format("{}:{}", address.to_string(), port)
                           : fmt::format("[{}]:{}", address.to_string(), port);
}

std::pair<sockaddr_storage, socklen_t> Endpoint::to_sockaddr() const {
    sockaddr_storage storage{};
    const auto bytes = address.bytes();
    if (address.is_v4()) {
        sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(port)};
        std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
        std::memcpy(&storage, &v4, sizeof v4);
        return {storage, sizeof v4};
    }
    sockaddr_in6 v6{.sin6_family = AF_INET6, .sin6_port = htons(port)};
    std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&storage, &v6, sizeof v6);
    return {storage, sizeof v6};
}

}  // namespace culvert::lbd
