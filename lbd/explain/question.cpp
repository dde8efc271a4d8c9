// SPDX-License-Identifier: Apache-2.0
#include "lbd/explain/question.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <optional>

#include "lbd/model/endpoint.hpp"

namespace culvert::lbd {
namespace {

struct End {
    IpAddress address;
    std::optional<std::uint16_t> port;
};

/// "192.0.2.1:80", "192.0.2.1", "[2001:db8::1]:80", "2001:db8::1"
std::optional<End> parse_end(const std::string& text) {
    if (const auto alone = IpAddress::parse(text)) return End{*alone, {}};
    const auto endpoint = Endpoint::parse(text);
    if (!endpoint) return std::nullopt;
    return End{endpoint->address, endpoint->port};
}

std::optional<std::uint8_t> parse_protocol(const std::string& name, bool is_v4) {
    if (name == "tcp") return IPPROTO_TCP;
    if (name == "udp") return IPPROTO_UDP;
    if (name == "sctp") return IPPROTO_SCTP;
    if (name != "icmp") return std::nullopt;
    if (is_v4) return IPPROTO_ICMP;
    return IPPROTO_ICMPV6;
}

}  // namespace

tl::expected<Question, std::string> question(const ExplainOptions& options) {
    const auto bad = [](const char* option, const std::string& text, const char* right) {
        return tl::unexpected(fmt::format("{} \"{}\": write {}", option, text, right));
    };
    const auto from = parse_end(options.source), to = parse_end(options.destination);
    if (!from) return bad("--src", options.source, "an address and a port, such as 198.51.100.9:40000");
    if (!to) return bad("--dst", options.destination, "an address and a port, such as 192.0.2.1:80");
    const auto protocol = parse_protocol(options.protocol, to->address.is_v4());
    if (!protocol) return bad("--proto", options.protocol, "tcp, udp, sctp or icmp");
    const auto flags = parse_tcp_flags(options.flags);
    if (!flags) return bad("--flags", options.flags, "words such as syn or fin,ack");
    if (from->address.family() != to->address.family())
        return tl::unexpected(std::string("--src and --dst are of different families"));
    const bool has_ports = *protocol != IPPROTO_ICMP && *protocol != IPPROTO_ICMPV6;
    if (has_ports && (!from->port || !to->port))
        return tl::unexpected(fmt::format("--src and --dst need ports for {}, such as 192.0.2.1:80", options.protocol));
    return Question{.source = from->address,
                    .destination = to->address,
                    .protocol = *protocol,
                    .source_port = from->port.value_or(0),
                    .destination_port = to->port.value_or(0),
                    .tcp_flags = *flags,
                    .length = options.length};
}

}  // namespace culvert::lbd
