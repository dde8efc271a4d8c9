// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/packet.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "netlink/address.hpp"

namespace culvert::packet {
namespace {

class Writer {
  public:
    Writer& u8(unsigned value) {
        bytes_.push_back(static_cast<std::uint8_t>(value));
        return *this;
    }
    Writer& u16(unsigned value) { return u8(value >> 8).u8(value & 0xff); }
    Writer& u32(std::uint32_t value) { return u16(value >> 16).u16(value & 0xffff); }
    Writer& append(std::span<const std::uint8_t> more) {
        bytes_.insert(bytes_.end(), more.begin(), more.end());
        return *this;
    }
    Writer& set_u16(std::size_t offset, unsigned value) {
        bytes_.at(offset) = static_cast<std::uint8_t>(value >> 8);
        bytes_.at(offset + 1) = static_cast<std::uint8_t>(value & 0xff);
        return *this;
    }
    [[nodiscard]] const Bytes& bytes() const { return bytes_; }

  private:
    Bytes bytes_;
};

Bytes ip_bytes(const std::string& text) {
    const auto address = netlink::IpAddress::parse(text);
    if (!address) throw std::invalid_argument("not an IP address: " + text);
    return {address->bytes().begin(), address->bytes().end()};
}

Bytes mac_bytes(const std::string& text) {
    const auto address = netlink::MacAddress::parse(text);
    if (!address) throw std::invalid_argument("not a MAC address: " + text);
    return {address->bytes.begin(), address->bytes.end()};
}

/// The name of a kind of layer, and its numbers in the headers in front of it.
struct Identity {
    const char* name;
    std::uint8_t protocol;    // IANA protocol number; 253 is for experiments (RFC 3692)
    std::uint16_t ethertype;  // 0x88b5 is for experiments (IEEE 802)
};
Identity identity(const Ethernet&) { return {"Ethernet", 143, 0x6558}; }
Identity identity(const Vlan& vlan) { return {"VLAN", 253, vlan.outer}; }
Identity identity(const IPv4&) { return {"IPv4", 4, 0x0800}; }
Identity identity(const IPv6&) { return {"IPv6", 41, 0x86dd}; }
Identity identity(const Extension& extension) { return {"extension", extension.number, 0x88b5}; }
Identity identity(const TCP&) { return {"TCP", 6, 0x88b5}; }
Identity identity(const UDP&) { return {"UDP", 17, 0x88b5}; }
Identity identity(const SCTP&) { return {"SCTP", 132, 0x88b5}; }
Identity identity(const Icmp&) { return {"ICMP", 1, 0x88b5}; }
Identity identity(const Icmp6&) { return {"ICMPv6", 58, 0x88b5}; }
Identity identity(const Gre&) { return {"GRE", 47, 0x88b5}; }
Identity identity(const Gue&) { return {"GUE", 253, 0x88b5}; }
Identity identity(const Geneve&) { return {"Geneve", 253, 0x88b5}; }
Identity identity(const Payload&) { return {"payload", 253, 0x88b5}; }
Identity identity(const Padding&) { return {"padding", 253, 0x88b5}; }

/// The surroundings of a layer: the layer behind it, all bytes behind it, and the nearest IP header in front of it.
struct Around {
    Identity next;
    std::span<const std::uint8_t> rest;
    const Layer* ip;
};

/// The checksum of an L4 header and its content, with the pseudo-header of RFC 9293 section 3.1 or RFC 8200 section
/// 8.1.
std::uint16_t l4_checksum(std::uint8_t protocol, const Bytes& header, std::span<const std::uint8_t> rest,
                          const Around& around) {
    const auto length = static_cast<std::uint32_t>(header.size() + rest.size());
    Writer covered;
    if (const auto* ip4 = std::get_if<IPv4>(around.ip))
        covered.append(ip_bytes(ip4->source)).append(ip_bytes(ip4->destination)).u16(protocol).u16(length);
    else if (const auto* ip6 = std::get_if<IPv6>(around.ip))
        covered.append(ip_bytes(ip6->source)).append(ip_bytes(ip6->destination)).u32(length).u32(protocol);
    else
        throw std::invalid_argument("no IP header in front of TCP or UDP");
    return internet_checksum(covered.append(header).append(rest).bytes());
}

Bytes write(const Ethernet& ethernet, const Around& around) {
    return Writer()
        .append(mac_bytes(ethernet.destination))
        .append(mac_bytes(ethernet.source))
        .u16(ethernet.type.value_or(around.next.ethertype))
        .bytes();
}

Bytes write(const Vlan& vlan, const Around& around) { return Writer().u16(vlan.id).u16(around.next.ethertype).bytes(); }

Bytes write(const IPv4& ip, const Around& around) {
    const std::size_t length = 20 + ip.options.size();
    const unsigned words = ip.header_words.value_or(static_cast<std::uint8_t>(length / 4));
    Writer header;
    header.u8(static_cast<unsigned>(ip.version.value_or(4)) << 4 | words).u8(ip.tos);
    header.u16(ip.total_length.value_or(static_cast<std::uint16_t>(length + around.rest.size())));
    header.u16(ip.id).u16(ip.fragment).u8(ip.ttl).u8(ip.protocol.value_or(around.next.protocol)).u16(0);
    header.append(ip_bytes(ip.source)).append(ip_bytes(ip.destination)).append(ip.options);
    return header.set_u16(10, ip.checksum.value_or(internet_checksum(header.bytes()))).bytes();
}

Bytes write(const IPv6& ip, const Around& around) {
    const std::uint32_t version = ip.version.value_or(6);
    return Writer()
        .u32(version << 28 | static_cast<std::uint32_t>(ip.traffic_class) << 20 | ip.flow_label)
        .u16(ip.payload_length.value_or(static_cast<std::uint16_t>(around.rest.size())))
        .u8(ip.next_header.value_or(around.next.protocol))
        .u8(ip.hop_limit)
        .append(ip_bytes(ip.source))
        .append(ip_bytes(ip.destination))
        .bytes();
}

Bytes write(const Extension& extension, const Around& around) {
    return Writer()
        .u8(around.next.protocol)
        .u8(static_cast<unsigned>((extension.content.size() + 2) / 8 - 1))
        .append(extension.content)
        .bytes();
}

Bytes write(const TCP& tcp, const Around& around) {
    const unsigned words = tcp.header_words.value_or(static_cast<std::uint8_t>(5 + tcp.options.size() / 4));
    Writer header;
    header.u16(tcp.source).u16(tcp.destination).u32(0x01020304).u32(0x05060708);
    header.u8(words << 4).u8(tcp.flags).u16(0x2000).u16(0).u16(0).append(tcp.options);
    return header.set_u16(16, tcp.checksum.value_or(l4_checksum(6, header.bytes(), around.rest, around))).bytes();
}

Bytes write(const UDP& udp, const Around& around) {
    const std::size_t length = udp.length.value_or(static_cast<std::uint16_t>(8 + around.rest.size()));
    Writer header;
    header.u16(udp.source).u16(udp.destination).u16(static_cast<unsigned>(length)).u16(0);
    const auto datagram = around.rest.first(std::min(around.rest.size(), std::max<std::size_t>(length, 8) - 8));
    const std::uint16_t computed = l4_checksum(17, header.bytes(), datagram, around);
    return header.set_u16(6, udp.checksum.value_or(computed ? computed : 0xffff)).bytes();
}

Bytes write(const SCTP& sctp, const Around& around) {
    Writer header;
    header.u16(sctp.source).u16(sctp.destination).u32(0x0a0b0c0d).u32(0);
    return header.u8(sctp.chunk).u8(0).u16(static_cast<unsigned>(4 + around.rest.size())).bytes();
}

template <typename T>
Writer icmp_header(const T& icmp) {
    return Writer().u8(icmp.type).u8(icmp.code).u16(0).u32(icmp.parameter);
}

Bytes write(const Icmp& icmp, const Around& around) {
    Writer header = icmp_header(icmp), covered = header;
    const std::uint16_t computed = internet_checksum(covered.append(around.rest).bytes());
    return header.set_u16(2, icmp.checksum.value_or(computed)).bytes();
}

Bytes write(const Icmp6& icmp, const Around& around) {
    Writer header = icmp_header(icmp);
    return header.set_u16(2, icmp.checksum.value_or(l4_checksum(58, header.bytes(), around.rest, around))).bytes();
}

Bytes write(const Gre&, const Around& around) { return Writer().u16(0).u16(around.next.ethertype).bytes(); }
Bytes write(const Gue&, const Around& around) { return Writer().u8(0).u8(around.next.protocol).u16(0).bytes(); }
Bytes write(const Geneve& geneve, const Around& around) {
    return Writer().u16(0).u16(around.next.ethertype).u32(geneve.vni << 8).bytes();
}
Bytes write(const Payload& payload, const Around&) { return payload.content; }
Bytes write(const Padding& padding, const Around&) { return Bytes(padding.length); }

std::string hex(std::span<const std::uint8_t> bytes, std::size_t first, std::size_t count) {
    constexpr const char* digits = "0123456789abcdef";
    std::string text;
    for (std::size_t i = first; i < std::min(first + count, bytes.size()); ++i) {
        if (i > first && (i - first) % 2 == 0) text += ' ';
        text += {digits[bytes[i] >> 4], digits[bytes[i] & 0xf]};
    }
    return text;
}

/// "^^" under each differing byte, aligned with hex().
std::string marks(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b, std::size_t first,
                  std::size_t count) {
    std::string text;
    for (std::size_t i = first; i < first + count; ++i) {
        if (i > first && (i - first) % 2 == 0) text += ' ';
        text += i < a.size() && i < b.size() && a[i] == b[i] ? "  " : "^^";
    }
    return text;
}

}  // namespace

Packet operator/(Packet front, const Packet& back) {
    front.layers_.insert(front.layers_.end(), back.layers_.begin(), back.layers_.end());
    return front;
}

std::pair<Bytes, std::vector<Place>> Packet::render() const {
    constexpr auto is_ip = [](const Layer& layer) {
        return std::holds_alternative<IPv4>(layer) || std::holds_alternative<IPv6>(layer);
    };
    const auto identify = [](const Layer& layer) {
        return std::visit([](const auto& x) { return identity(x); }, layer);
    };

    Bytes bytes, padding;
    std::vector<Place> places;
    Identity next = identity(Payload{});
    for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
        const auto ip = std::find_if(std::next(layer), layers_.rend(), is_ip);
        const Around around{next, bytes, ip == layers_.rend() ? nullptr : &*ip};
        const Bytes header = std::visit([&](const auto& x) { return write(x, around); }, *layer);
        next = identify(*layer);
        places.push_back({next.name, 0, header.size()});
        Bytes& target = std::holds_alternative<Padding>(*layer) ? padding : bytes;
        target.insert(target.begin(), header.begin(), header.end());
    }
    bytes.insert(bytes.end(), padding.begin(), padding.end());

    std::ranges::reverse(places);
    std::size_t offset = 0;
    for (Place& place : places) {
        place.offset = offset;
        offset += place.length;
    }
    return {bytes, places};
}

Bytes from_hex(std::string_view text) {
    std::string digits;
    std::ranges::copy_if(text, std::back_inserter(digits), [](char c) { return c != ' '; });
    Bytes bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2)
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
    return bytes;
}

std::string to_hex(std::span<const std::uint8_t> bytes) { return hex(bytes, 0, bytes.size()); }

Payload payload(std::size_t length) {
    Bytes content(length);
    for (std::size_t i = 0; i < length; ++i) content[i] = static_cast<std::uint8_t>(i * 7 + 1);
    return {content};
}

Packet padded(const Packet& packet) {
    constexpr std::size_t least = 60;
    const std::size_t length = packet.bytes().size();
    return packet / Padding{length < least ? least - length : 0};
}

std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 ? bytes[i] : bytes[i] << 8;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

std::string difference(const Packet& expected, std::span<const std::uint8_t> frame) {
    const Bytes wanted = expected.bytes();
    if (std::ranges::equal(wanted, frame)) return {};
    constexpr std::size_t line = 32;
    std::vector<Place> places = expected.places();
    if (frame.size() > wanted.size()) places.push_back({"nothing", wanted.size(), frame.size() - wanted.size()});

    std::string text =
        "expected " + std::to_string(wanted.size()) + " bytes, got " + std::to_string(frame.size()) + '\n';
    for (const auto& [name, offset, length] : places) {
        for (std::size_t at = offset; at < offset + length; at += line) {
            const std::size_t count = std::min(line, offset + length - at);
            const std::string differing = marks(wanted, frame, at, count);
            const bool same = differing.find('^') == std::string::npos;
            text += name + " + " + std::to_string(at - offset) + " (at " + std::to_string(at) + ")\n";
            text += (same ? "  both     " : "  expected ") + hex(wanted, at, count) + '\n';
            if (!same) text += "  got      " + hex(frame, at, count) + "\n           " + differing + '\n';
        }
    }
    return text;
}

}  // namespace culvert::packet
