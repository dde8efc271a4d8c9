// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// Packets as values, outermost header first:
///
///     Ethernet() / IPv4{.ttl = 1} / TCP{.flags = syn} / payload(100)
///
/// Lengths, checksums and protocol numbers are computed unless they are given. So a bad packet is a good one with a
/// wrong field. Numbers are in host order, addresses are text.
namespace culvert::packet {

using Bytes = std::vector<std::uint8_t>;

struct Ethernet {
    std::string source = "02:00:00:00:00:01";
    std::string destination = "02:00:00:00:00:02";
    std::optional<std::uint16_t> type;
};

/// IEEE 802.1Q, without priority.
struct Vlan {
    std::uint16_t id = 0;
    std::uint16_t outer = 0x8100;  ///< EtherType of the tag itself; in front of another tag 0x88a8
};

struct IPv4 {
    std::string source = "198.51.100.7";
    std::string destination = "192.0.2.1";
    std::uint8_t tos = 0;
    std::uint8_t ttl = 64;
    std::uint16_t id = 0;
    std::uint16_t fragment = 0x4000;  ///< flags and offset
    Bytes options;                    ///< a multiple of 4
    std::optional<std::uint8_t> version;
    std::optional<std::uint8_t> header_words;
    std::optional<std::uint16_t> total_length;
    std::optional<std::uint8_t> protocol;
    std::optional<std::uint16_t> checksum;
};

struct IPv6 {
    std::string source = "2001:db8:c::7";
    std::string destination = "2001:db8::1";
    std::uint8_t traffic_class = 0;
    std::uint32_t flow_label = 0;
    std::uint8_t hop_limit = 64;
    std::optional<std::uint8_t> version;
    std::optional<std::uint16_t> payload_length;
    std::optional<std::uint8_t> next_header;
};

/// An IPv6 extension header of the common form: next header, length, and 8n + 6 more bytes. The fragment header has
/// this form too.
struct Extension {
    std::uint8_t number = 0;
    Bytes content = Bytes(6);
};

enum TcpFlag : unsigned { fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10 };

struct TCP {
    std::uint16_t source = 40000;
    std::uint16_t destination = 80;
    unsigned flags = ack;
    Bytes options;  ///< a multiple of 4
    std::optional<std::uint8_t> header_words;
    std::optional<std::uint16_t> checksum;
};

struct UDP {
    std::uint16_t source = 40000;
    std::uint16_t destination = 53;
    std::optional<std::uint16_t> length;
    std::optional<std::uint16_t> checksum;
};

/// The checksum is zero. It covers only SCTP (RFC 9260, section 6.8), so no device on the path needs it.
struct SCTP {
    std::uint16_t source = 40000;
    std::uint16_t destination = 9899;
    std::uint8_t chunk = 0;  ///< type of the only chunk; 0: DATA
};

/// RFC 792. `parameter` is the word behind the checksum.
struct Icmp {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint32_t parameter = 0;
    std::optional<std::uint16_t> checksum;
};

/// RFC 4443.
struct Icmp6 {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint32_t parameter = 0;
    std::optional<std::uint16_t> checksum;
};

/// RFC 2784, no optional fields.
struct Gre {};

/// draft-ietf-intarea-gue, variant 0, no optional fields.
struct Gue {};

/// RFC 8926, no options, an Ethernet frame inside.
struct Geneve {
    std::uint32_t vni = 0;
};

struct Payload {
    Bytes content;
};

/// Bytes that Ethernet appends to fill the frame. No length or checksum includes them. Must be last.
struct Padding {
    std::size_t length = 0;
};

using Layer = std::variant<Ethernet, Vlan, IPv4, IPv6, Extension, TCP, UDP, SCTP, Icmp, Icmp6, Gre, Gue, Geneve,
                           Payload, Padding>;

/// The position of a header in the frame.
struct Place {
    std::string name;  ///< "IPv4"
    std::size_t offset = 0;
    std::size_t length = 0;
};

class Packet {
  public:
    template <typename T>
        requires std::constructible_from<Layer, T>
    Packet(T layer) : layers_{std::move(layer)} {}  // NOLINT(google-explicit-constructor): lets operator/ read well

    [[nodiscard]] Bytes bytes() const { return render().first; }
    [[nodiscard]] std::vector<Place> places() const { return render().second; }

    friend Packet operator/(Packet front, const Packet& back);

  private:
    [[nodiscard]] std::pair<Bytes, std::vector<Place>> render() const;

    std::vector<Layer> layers_;
};

/// "4500 0014": spaces are ignored.
[[nodiscard]] Bytes from_hex(std::string_view text);
[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);

/// `back` inside `front`.
[[nodiscard]] Packet operator/(Packet front, const Packet& back);

/// `length` bytes; neighbours differ.
[[nodiscard]] Payload payload(std::size_t length);

/// The packet, padded to the minimum of Ethernet frames: 60 bytes (without frame check sequence).
[[nodiscard]] Packet padded(const Packet& packet);

/// RFC 1071 in the simple way: over all bytes, most significant first.
[[nodiscard]] std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes);

/// Empty if the frame is the expected one. Otherwise both in hex, header by header, with the differing bytes marked.
[[nodiscard]] std::string difference(const Packet& expected, std::span<const std::uint8_t> frame);

}  // namespace culvert::packet
