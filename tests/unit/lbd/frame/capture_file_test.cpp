// SPDX-License-Identifier: Apache-2.0
#include "lbd/frame/capture_file.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace culvert::lbd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// A file, written number by number.
class File {
  public:
    explicit File(bool big_endian = false) : big_endian_(big_endian) {}

    File& put(std::uint64_t value, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i)
            bytes.push_back(static_cast<std::uint8_t>(value >> 8 * (big_endian_ ? size - 1 - i : i)));
        return *this;
    }
    File& put(const Bytes& more) {
        bytes.insert(bytes.end(), more.begin(), more.end());
        return *this;
    }
    /// draft-ietf-opsawg-pcap, section 4.
    File& pcap(std::uint32_t link_type, std::uint32_t magic = 0xa1b2c3d4) {
        return put(magic, 4).put(2, 2).put(4, 2).put(0, 8).put(262144, 4).put(link_type, 4);
    }
    File& record(const Bytes& packet, std::size_t length, std::size_t more = 0) {
        return put(0, 8).put(packet.size(), 4).put(length, 4).put(Bytes(more)).put(packet);
    }
    /// draft-ietf-opsawg-pcapng, section 3.1.
    File& block(std::uint32_t type, const File& body) {
        const std::size_t padding = (4 - body.bytes.size() % 4) % 4, length = body.bytes.size() + padding + 12;
        return put(type, 4).put(length, 4).put(body.bytes).put(Bytes(padding)).put(length, 4);
    }
    [[nodiscard]] File body() const { return File(big_endian_); }
    File& section() { return block(0x0a0d0d0a, body().put(0x1a2b3c4d, 4).put(1, 2).put(0, 2).put(~0ULL, 8)); }
    File& interface(std::uint16_t link_type, std::uint32_t snap_length = 0) {
        // if_tsresol: nanoseconds
        return block(1, body().put(link_type, 2).put(0, 2).put(snap_length, 4).put(9, 2).put(1, 2).put(9, 4).put(0, 4));
    }
    File& packet(std::uint32_t interface, const Bytes& packet, std::size_t length) {
        File block_body = body().put(interface, 4).put(0, 8).put(packet.size(), 4).put(length, 4).put(packet);
        block_body.put(Bytes((4 - packet.size() % 4) % 4)).put(1, 2).put(2, 2).put({'h', 'i', 0, 0}).put(0, 4);
        return block(6, block_body);
    }

    Bytes bytes;

  private:
    bool big_endian_;
};

const Bytes one(60, 1), two(61, 2);
const Bytes ip4{0x45, 0, 0, 20}, ip6{0x60, 0, 0, 0};

CaptureFile parsed(const File& file) {
    const auto found = parse_capture(file.bytes);
    EXPECT_TRUE(found) << found.error();
    return found.value_or(CaptureFile{});
}
std::string refused(const File& file) {
    const auto found = parse_capture(file.bytes);
    return found ? "" : found.error();
}
Bytes ethernet(std::uint16_t type, const Bytes& packet, const Bytes& macs = Bytes(12)) {
    return File(true).put(macs).put(type, 2).put(packet).bytes;
}

TEST(CaptureFile, PcapOfEitherByteOrderAndAnyResolution) {
    for (const bool big_endian : {false, true})
        for (const std::uint32_t magic : {0xa1b2c3d4U, 0xa1b23c4dU, 0xa1b2cd34U}) {
            const std::size_t more = magic == 0xa1b2cd34 ? 8 : 0;
            const CaptureFile file = parsed(
                File(big_endian).pcap(1, magic).record(one, 60, more).record({}, 0, more).record(two, 1514, more));
            EXPECT_THAT(file.frames, ElementsAre(CapturedFrame{one, 60, ""}, CapturedFrame{{}, 0, ""},
                                                 CapturedFrame{two, 1514, ""}));
            EXPECT_EQ(file.flaw, "");
        }
    EXPECT_THAT(parsed(File().pcap(1 | 0xf4000000)).frames, IsEmpty()) << "the file has frame check sequences";
}

TEST(CaptureFile, PcapngWithSeveralSectionsAndInterfaces) {
    for (const bool big_endian : {false, true}) {
        File file(big_endian);
        file.section()
            .interface(1, 96)
            .interface(101)
            .packet(0, one, 60)
            .packet(1, ip4, 20)
            .block(5, file.body().put(0, 8));
        file.block(3, file.body().put(1514, 4).put(Bytes(96, 3)));  // simple, cut to the snap length
        file.block(2, file.body().put(1, 2).put(0, 2).put(0, 8).put(4, 4).put(40, 4).put(ip6));
        File second(!big_endian);
        second.section().interface(9999).interface(1).packet(1, two, 61).packet(0, one, 60);
        file.put(second.bytes);
        const CaptureFile found = parsed(file);
        EXPECT_EQ(found.flaw, "");
        ASSERT_THAT(found.frames, SizeIs(6));
        EXPECT_EQ(found.frames[0], (CapturedFrame{one, 60, ""}));
        EXPECT_EQ(found.frames[1], (CapturedFrame{ethernet(0x0800, ip4), 34, ""}));
        EXPECT_EQ(found.frames[2], (CapturedFrame{Bytes(96, 3), 1514, ""}));
        EXPECT_EQ(found.frames[3], (CapturedFrame{ethernet(0x86dd, ip6), 54, ""}));
        EXPECT_EQ(found.frames[4], (CapturedFrame{two, 61, ""}));
        EXPECT_THAT(found.frames[5].flaw, HasSubstr("link type 9999"));
    }
}

TEST(CaptureFile, WithoutEthernetHeaders) {
    const Bytes macs{0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 7}, all{255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 7};
    for (const std::uint32_t raw : {12, 14, 101}) {
        EXPECT_THAT(
            parsed(File().pcap(raw).record(ip4, 20).record(ip6, 40)).frames,
            ElementsAre(CapturedFrame{ethernet(0x0800, ip4), 34, ""}, CapturedFrame{ethernet(0x86dd, ip6), 54, ""}));
        EXPECT_THAT(parsed(File().pcap(raw).record({}, 0).record({0x10}, 1)).frames,
                    ElementsAre(CapturedFrame{{}, 0, "none of it was captured"},
                                CapturedFrame{{0x10}, 1, "it is neither IPv4 nor IPv6"}));
    }
    EXPECT_THAT(parsed(File().pcap(228).record(ip4, 20)).frames,
                ElementsAre(CapturedFrame{ethernet(0x0800, ip4), 34, ""}));
    EXPECT_THAT(parsed(File().pcap(229).record(ip6, 40)).frames,
                ElementsAre(CapturedFrame{ethernet(0x86dd, ip6), 54, ""}));

    const auto cooked = [&](std::uint16_t kind, std::uint16_t hardware = 1) {
        return File(true)
            .put(kind, 2)
            .put(hardware, 2)
            .put(6, 2)
            .put({2, 0, 0, 0, 0, 7, 0, 0})
            .put(0x800, 2)
            .put(ip4)
            .bytes;
    };
    const auto cooked2 = [&](std::uint8_t kind, std::uint16_t hardware = 1) {
        return File(true)
            .put(0x800, 2)
            .put(0, 2)
            .put(3, 4)
            .put(hardware, 2)
            .put(kind, 1)
            .put(6, 1)
            .put({2, 0, 0, 0, 0, 7, 0, 0})
            .put(ip4)
            .bytes;
    };
    for (const auto& [link_type, header, packets] :
         {std::tuple{113U, 16U, std::array{cooked(0), cooked(1), cooked(3), cooked(0, 824)}},
          std::tuple{276U, 20U, std::array{cooked2(0), cooked2(1), cooked2(3), cooked2(0, 824)}}}) {
        File file;
        file.pcap(link_type);
        for (const Bytes& packet : packets) file.record(packet, header + 20);
        file.record(Bytes(header - 1), header + 20);
        const CaptureFile found = parsed(file);
        ASSERT_THAT(found.frames, SizeIs(5));
        EXPECT_EQ(found.frames[0], (CapturedFrame{ethernet(0x0800, ip4, macs), 34, ""}));
        EXPECT_EQ(found.frames[1], (CapturedFrame{ethernet(0x0800, ip4, all), 34, ""}));
        EXPECT_THAT(found.frames[2].flaw, HasSubstr("for another host"));
        EXPECT_THAT(found.frames[3].flaw, HasSubstr("is not Ethernet"));
        EXPECT_THAT(found.frames[4].flaw, HasSubstr("was not captured"));
    }
}

TEST(CaptureFile, WhatIsThereOfOneThatWasCutOffIsRead) {
    for (const bool is_pcapng : {false, true}) {
        File file;
        if (is_pcapng)
            file.section().interface(1);
        else
            file.pcap(1);
        const std::size_t before = file.bytes.size();
        const auto add = [&](const Bytes& frame) {
            if (is_pcapng)
                file.packet(0, frame, frame.size());
            else
                file.record(frame, frame.size());
        };
        add(one);
        const std::size_t after = file.bytes.size();
        add(two);
        const std::size_t end = file.bytes.size();
        for (std::size_t size = before; size <= end; ++size) {
            const auto found = parse_capture(std::span(file.bytes).first(size));
            ASSERT_TRUE(found) << size;
            EXPECT_THAT(found->frames, SizeIs(size == end ? 2 : size >= after ? 1 : 0)) << size;
            const bool is_whole = size == before || size == after || size == end;
            EXPECT_EQ(found->flaw.find("cut off") == std::string::npos, is_whole) << size << found->flaw;
        }
    }
}

TEST(CaptureFile, WhatMakesNoSenseEndsIt) {
    EXPECT_THAT(parsed(File().pcap(1).record(one, 60).put(0, 8).put(0x7fffffff, 4).put(0, 4)).flaw,
                HasSubstr("damaged at byte 100"));
    EXPECT_THAT(parsed(File().pcap(1).record(one, 60).put(0, 8).put(0x7fffffff, 4).put(0, 4)).frames, SizeIs(1));
    const std::size_t at = File().section().interface(1).bytes.size();
    for (const File& bad : {File().section().interface(1).packet(1, one, 60),
                            File().section().interface(1).put(6, 4).put(13, 4).put(13, 4),
                            File().section().interface(1).put(6, 4).put(8, 4).put(8, 4),
                            File().section().interface(1).put(6, 4).put(0, 4).put(0, 4),
                            File().section().interface(1).put(5, 4).put(12, 4).put(16, 4)})
        EXPECT_THAT(parsed(bad).flaw, HasSubstr(fmt::format("damaged at byte {}", at)));
    EXPECT_EQ(refused(File()), "is empty");
    EXPECT_THAT(refused(File().put(1, 1)), HasSubstr("is not a capture"));
    EXPECT_THAT(refused(File().put(0x12345678, 4).put(0, 40)), HasSubstr("is not a capture"));
    EXPECT_EQ(refused(File().put(0xa1b2c3d4, 4)), "ends within its header");
    EXPECT_THAT(refused(File().pcap(105)), HasSubstr("link type 105"));
}

TEST(CaptureFile, WhereItIs) {
    const std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("capture-{}", getpid());
    const auto written = [&](const Bytes& bytes) {
        std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
        return read_capture(path);
    };
    EXPECT_THAT(written(File().pcap(1).record(one, 60).bytes)->frames, SizeIs(1));
    EXPECT_EQ(written({}).error(), path.string() + " is empty");
    EXPECT_THAT(written(File().pcap(1).put(0, 3).bytes)->flaw, testing::StartsWith(path.string() + " ends within"));
    EXPECT_EQ(written({0x1f, 0x8b, 8, 0}).error(),
              fmt::format("{0} is compressed: zcat {0} | lbd explain --pcap -", path.string()));
    remove(path);
    EXPECT_EQ(read_capture(path).error(), path.string() + ": No such file or directory");
    EXPECT_EQ(read_capture("/").error(), "/: Is a directory");
}

}  // namespace
}  // namespace culvert::lbd
