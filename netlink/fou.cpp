// SPDX-License-Identifier: Apache-2.0
#include "netlink/fou.hpp"

#include <fmt/format.h>
#include <linux/fou.h>
#include <linux/genetlink.h>

#include <cerrno>
#include <string_view>

#include "netlink/generic.hpp"

namespace culvert::netlink {

namespace {

constexpr std::string_view fou_missing = "module fou is not loaded: modprobe fou";

void encode_address(Message& message, int v4, int v6, const std::optional<IpAddress>& address) {
    if (address) message.address(address->is_v4() ? v4 : v6, *address);
}

Message port_message(int family, std::uint8_t command, const FouPort& port) {
    Message message(family, 0, genlmsghdr{.cmd = command, .version = FOU_GENL_VERSION});
    message.be16(FOU_ATTR_PORT, port.port);
    message.u8(FOU_ATTR_AF, static_cast<std::uint8_t>(af(port.family)));
    message.u8(FOU_ATTR_TYPE, static_cast<std::uint8_t>(port.type));
    // GUE needs no protocol, and the kernel refuses even 0: since the fix of CVE-2026-23083 with ERANGE.
    if (port.type == FouType::fou) message.u8(FOU_ATTR_IPPROTO, port.protocol);
    if (!port.remote_checksum_partial) message.flag(FOU_ATTR_REMCSUM_NOPARTIAL);
    encode_address(message, FOU_ATTR_LOCAL_V4, FOU_ATTR_LOCAL_V6, port.local);
    encode_address(message, FOU_ATTR_PEER_V4, FOU_ATTR_PEER_V6, port.peer);
    if (port.peer_port != 0) message.be16(FOU_ATTR_PEER_PORT, port.peer_port);
    if (port.link != 0) message.u32(FOU_ATTR_IFINDEX, port.link);
    return message;
}

/// The kernel would ignore an address of the other family, and accept packets for and from any address.
Result<> check_addresses(const FouPort& port, const std::string& operation) {
    const bool local_fits = !port.local || port.local->family() == port.family;
    const bool peer_fits = !port.peer || port.peer->family() == port.family;
    if (local_fits && peer_fits) return {};
    return failure(operation, port.to_string(), EAFNOSUPPORT, "",
                   fmt::format("the addresses of an {0} port are {0}", name(port.family)));
}

std::optional<IpAddress> decode_address(const Attributes& attributes, Family family, int v4, int v6) {
    const auto address = attributes.address(family == Family::ipv4 ? v4 : v6);
    return address && address->family() == family && !address->is_any() ? address : std::nullopt;
}

}  // namespace

std::string FouPort::to_string() const {
    std::string text = fmt::format("{}/udp {} {}", port, type == FouType::gue ? "gue" : "fou", name(family));
    if (local) text += " to " + local->to_string();
    if (peer) text += fmt::format(" from {} port {}", peer->to_string(), peer_port);
    return text;
}

std::optional<FouPort> decode_fou_port(Bytes message) {
    const auto parsed = parse<genlmsghdr>(message);
    if (!parsed) return std::nullopt;
    const Attributes& attributes = parsed->attributes;
    const auto family = family_from_af(attributes.u8(FOU_ATTR_AF).value_or(0));
    const auto port = attributes.be16(FOU_ATTR_PORT);
    const auto type = attributes.u8(FOU_ATTR_TYPE);
    if (!family || !port || (type != FOU_ENCAP_DIRECT && type != FOU_ENCAP_GUE)) return std::nullopt;
    return FouPort{
        .family = *family,
        .port = *port,
        .type = static_cast<FouType>(*type),
        .protocol = attributes.u8(FOU_ATTR_IPPROTO).value_or(0),
        .local = decode_address(attributes, *family, FOU_ATTR_LOCAL_V4, FOU_ATTR_LOCAL_V6),
        .peer = decode_address(attributes, *family, FOU_ATTR_PEER_V4, FOU_ATTR_PEER_V6),
        .peer_port = attributes.be16(FOU_ATTR_PEER_PORT).value_or(0),
        .link = attributes.u32(FOU_ATTR_IFINDEX).value_or(0),
        .remote_checksum_partial = !attributes.flag(FOU_ATTR_REMCSUM_NOPARTIAL),
    };
}

Result<int> FouPorts::family(const std::string& operation, const std::string& object) {
    auto id = generic_family(*socket_, FOU_GENL_NAME, operation, object);
    if (!id && id.error().code == ENOENT) id.error().cure = fou_missing;
    return id;
}

Result<std::vector<FouPort>> FouPorts::dump() {
    const std::string operation = "list fou ports";
    TRY(const int id, family(operation, ""));
    return socket_->dump(Message(id, 0, genlmsghdr{.cmd = FOU_CMD_GET, .version = FOU_GENL_VERSION}), operation,
                         decode_fou_port);
}

Result<> FouPorts::add(const FouPort& port) {
    const std::string operation = "add fou port";
    CHECK_OK(check_addresses(port, operation));
    TRY(const int id, family(operation, port.to_string()));
    return socket_->request(port_message(id, FOU_CMD_ADD, port), operation, port.to_string());
}

Result<> FouPorts::remove(const FouPort& port) {
    const std::string operation = "remove fou port";
    TRY(const int id, family(operation, port.to_string()));
    return socket_->request(port_message(id, FOU_CMD_DEL, port), operation, port.to_string());
}

}  // namespace culvert::netlink
