// SPDX-License-Identifier: Apache-2.0
#include "lbd/frame/capture_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "lbd/frame/bytes.hpp"
#include "lbd/frame/link_type.hpp"
#include "lbd/model/cure.hpp"

namespace culvert::lbd {
namespace {

using Parsed = tl::expected<CaptureFile, std::string>;

/// A longer packet is an error: MAXIMUM_SNAPLEN of tcpdump, WTAP_MAX_PACKET_SIZE_STANDARD of Wireshark.
constexpr std::uint32_t longest_packet = 256 << 10;

/// Reads numbers in the byte order of the file.
class Reader {
  public:
    Reader(View bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

    [[nodiscard]] std::uint32_t u32(std::size_t at) const { return number(at, 4); }
    [[nodiscard]] std::uint16_t u16(std::size_t at) const { return static_cast<std::uint16_t>(number(at, 2)); }
    [[nodiscard]] View bytes() const { return bytes_; }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] Reader part(std::size_t at, std::size_t length) const {
        return {bytes_.subspan(at, length), big_endian_};
    }

  private:
    [[nodiscard]] std::uint32_t number(std::size_t at, std::size_t size) const {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < size; ++i) value = value << 8 | bytes_[at + (big_endian_ ? i : size - 1 - i)];
        return value;
    }

    View bytes_;
    bool big_endian_;
};

std::string cut_off(std::size_t at, std::size_t size) {
    return fmt::format("ends within the record at byte {}, after {} bytes of it: the capture was cut off", at,
                       size - at);
}
std::string broken(std::size_t at) { return fmt::format("is damaged at byte {}: the rest cannot be read", at); }

constexpr std::uint32_t microseconds = 0xa1b2c3d4, nanoseconds = 0xa1b23c4d;
constexpr std::uint32_t modified = 0xa1b2cd34;  // Kuznetzov's format, which has eight more bytes in each record

Parsed parse_pcap(const Reader& file) {
    constexpr std::size_t header = 24;
    if (file.size() < header) return tl::unexpected(std::string("ends within its header"));
    const std::uint32_t link_type = file.u32(20) & 0xffff;  // the upper bits describe frame check sequences
    if (!is_known_link_type(link_type))
        return tl::unexpected(
            fmt::format("has link type {}: lbd explains Ethernet, raw IP, and captures of tcpdump -i any", link_type));
    const std::size_t record = file.u32(0) == modified ? 24 : 16;
    CaptureFile result;
    for (std::size_t at = header; at < file.size();) {
        if (file.size() - at < record) {
            result.flaw = cut_off(at, file.size());
            break;
        }
        const std::uint32_t captured = file.u32(at + 8);
        if (captured > longest_packet) {
            result.flaw = broken(at);
            break;
        }
        if (file.size() - at - record < captured) {
            result.flaw = cut_off(at, file.size());
            break;
        }
        result.frames.push_back(to_frame(link_type, file.bytes().subspan(at + record, captured), file.u32(at + 12)));
        at += record + captured;
    }
    return result;
}

enum Block : std::uint32_t { section = 0x0a0d0d0a, interface_of = 1, old_packet = 2, simple_packet = 3, packet = 6 };
constexpr std::uint32_t section_magic = 0x1a2b3c4d;

struct Interface {
    std::uint32_t link_type = 0;
    std::uint32_t snap_length = 0;  ///< bytes; 0: no limit
};

/// The limit of libpcap.
constexpr std::uint32_t longest_block = 16 << 20;

/// Reads packets block by block. The body of a block is without type and lengths.
class Blocks {
  public:
    explicit Blocks(CaptureFile& file) : file_(file) {}

    /// False if the block makes no sense.
    bool take(std::uint32_t type, const Reader& body) {
        switch (type) {
            case section:
                interfaces_.clear();
                return body.size() >= 16;
            case interface_of:
                if (body.size() < 8) return false;
                interfaces_.push_back({body.u16(0), body.u32(4)});
                return true;
            case packet:
                return body.size() >= 20 && add(body.u32(0), body.u32(12), body.u32(16), body, 20);
            case old_packet:
                return body.size() >= 20 && add(body.u16(0), body.u32(12), body.u32(16), body, 20);
            case simple_packet:
                return body.size() >= 4 && add_simple(body);
            default:
                return true;  // names, statistics and unknown blocks
        }
    }

  private:
    bool add(std::size_t interface, std::uint32_t captured, std::uint32_t length, const Reader& body, std::size_t at) {
        if (interface >= interfaces_.size() || captured > body.size() - at) return false;
        file_.frames.push_back(to_frame(interfaces_[interface].link_type, body.bytes().subspan(at, captured), length));
        return true;
    }
    /// The packet belongs to the first interface, whose snapshot length applies.
    bool add_simple(const Reader& body) {
        if (interfaces_.empty()) return false;
        const std::uint32_t length = body.u32(0), most = interfaces_[0].snap_length;
        return add(0, most == 0 ? length : std::min(length, most), length, body, 4);
    }

    CaptureFile& file_;
    std::vector<Interface> interfaces_;
};

Parsed parse_pcapng(View file) {
    CaptureFile result;
    Blocks blocks(result);
    bool big_endian = false;
    for (std::size_t at = 0; at < file.size();) {
        constexpr std::size_t around = 12;  // type, length, and length again
        const std::size_t left = file.size() - at;
        if (left < around) {
            result.flaw = cut_off(at, file.size());
            break;
        }
        if (Reader(file, false).u32(at) == section) big_endian = Reader(file, true).u32(at + 8) == section_magic;
        const Reader block = Reader(file, big_endian).part(at, left);
        const std::uint32_t length = block.u32(4);
        const bool is_sound = length >= around && length % 4 == 0 && length <= longest_block &&
                              (block.u32(0) != section || block.u32(8) == section_magic);
        if (is_sound && length > left) {
            result.flaw = cut_off(at, file.size());
            break;
        }
        if (!is_sound || block.u32(length - 4) != length ||
            !blocks.take(block.u32(0), block.part(8, length - around))) {
            result.flaw = broken(at);
            break;
        }
        at += length;
    }
    return result;
}

/// The program that unpacks a file with this beginning.
std::optional<std::string_view> unpacker_of(View file) {
    struct Packer {
        std::string_view magic, unpacker;
    };
    constexpr std::array<Packer, 4> packers{{{"\x1f\x8b", "zcat"},
                                             {"\x28\xb5\x2f\xfd", "zstdcat"},
                                             {"\xfd"
                                              "7zXZ",
                                              "xzcat"},
                                             {"BZh", "bzcat"}}};
    for (const auto& [magic, unpacker] : packers)
        if (file.size() >= magic.size() && std::memcmp(file.data(), magic.data(), magic.size()) == 0) return unpacker;
    return std::nullopt;
}

tl::expected<Bytes, std::string> contents(const std::string& path) {
    const auto close = [](std::FILE* file) {
        if (file != stdin) std::fclose(file);
    };
    const std::unique_ptr<std::FILE, decltype(close)> file(path == "-" ? stdin : std::fopen(path.c_str(), "rbe"),
                                                           close);
    Bytes bytes;
    if (file) {
        std::array<std::uint8_t, 1 << 16> piece{};
        while (const std::size_t size = std::fread(piece.data(), 1, piece.size(), file.get()))
            bytes.insert(bytes.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(size));
    }
    if (!file || std::ferror(file.get()) != 0) return tl::unexpected(fmt::format("{}: {}", path, std::strerror(errno)));
    return bytes;
}

}  // namespace

Parsed parse_capture(View file) {
    if (file.empty()) return tl::unexpected(std::string("is empty"));
    if (file.size() < 4) return tl::unexpected(std::string("is not a capture: use a pcap or pcapng file"));
    for (const bool big_endian : {false, true}) {
        const Reader reader(file, big_endian);
        const std::uint32_t magic = reader.u32(0);
        if (magic == section) return parse_pcapng(file);
        if (magic == microseconds || magic == nanoseconds || magic == modified) return parse_pcap(reader);
    }
    return tl::unexpected(std::string("is not a capture: use a pcap or pcapng file"));
}

Parsed read_capture(const std::string& path) {
    const auto file = contents(path);
    if (!file) return tl::unexpected(file.error());
    const auto name = [&](const std::string& what) { return (path == "-" ? "standard input" : path) + ' ' + what; };
    if (const auto unpacker = unpacker_of(*file))
        return tl::unexpected(
            name(path == "-" ? fmt::format("is compressed: put {} before it", *unpacker)
                             : "is compressed: " + fmt::format(cure_of("capture_compressed"), *unpacker, path)));
    return parse_capture(*file).map_error(name).map([&](CaptureFile found) {
        if (!found.flaw.empty()) found.flaw = name(found.flaw);
        return found;
    });
}

}  // namespace culvert::lbd
