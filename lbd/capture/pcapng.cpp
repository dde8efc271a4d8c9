// SPDX-License-Identifier: Apache-2.0
#include "lbd/capture/pcapng.hpp"

#include <concepts>

namespace culvert::lbd::pcapng {
namespace {

constexpr std::uint16_t ethernet = 1;  // LINKTYPE_ETHERNET

enum BlockType : std::uint32_t { section_header = 0x0a0d0d0a, interface_description = 1, enhanced_packet = 6 };
enum OptionCode : std::uint16_t { end_of_options = 0, comment = 1, if_name = 2, epb_flags = 2, if_tsresol = 9 };

class Body {
  public:
    template <std::integral T>
    void put(T value) {
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void put(std::string_view bytes) {
        bytes_ += bytes;
        bytes_.append((4 - bytes.size() % 4) % 4, '\0');
    }
    void option(OptionCode code, std::string_view value) {
        put(static_cast<std::uint16_t>(code));
        put(static_cast<std::uint16_t>(value.size()));
        put(value);
    }
    /// Puts the length in front and behind, as the format requires.
    [[nodiscard]] std::string block(BlockType type) const {
        const auto length = static_cast<std::uint32_t>(bytes_.size() + 12);
        Body block;
        block.put(static_cast<std::uint32_t>(type));
        block.put(length);
        block.bytes_ += bytes_;
        block.put(length);
        return block.bytes_;
    }

  private:
    std::string bytes_;
};

}  // namespace

std::string header(const std::vector<std::string>& interfaces, std::uint32_t snap_length) {
    Body section;
    section.put(std::uint32_t{0x1a2b3c4d});  // shows the byte order
    section.put(std::uint16_t{1});
    section.put(std::uint16_t{0});  // version 1.0
    section.put(std::int64_t{-1});  // length not given
    std::string result = section.block(section_header);
    for (const std::string& name : interfaces) {
        Body body;
        body.put(ethernet);
        body.put(std::uint16_t{0});
        body.put(snap_length);
        body.option(if_name, name);
        body.option(if_tsresol, "\x09");  // 10^-9 s
        body.option(end_of_options, "");
        result += body.block(interface_description);
    }
    return result;
}

std::string packet(const Packet& packet) {
    const auto flags = static_cast<std::uint32_t>(packet.direction);
    Body body;
    body.put(packet.interface);
    body.put(static_cast<std::uint32_t>(packet.time >> 32));
    body.put(static_cast<std::uint32_t>(packet.time));
    body.put(static_cast<std::uint32_t>(packet.bytes.size()));
    body.put(packet.length);
    body.put(std::string_view(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size()));
    body.option(comment, packet.comment);
    body.option(epb_flags, {reinterpret_cast<const char*>(&flags), sizeof flags});
    body.option(end_of_options, "");
    return body.block(enhanced_packet);
}

}  // namespace culvert::lbd::pcapng
