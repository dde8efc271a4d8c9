// SPDX-License-Identifier: Apache-2.0
// The decoders accept any bytes: they neither crash nor read beyond the end (the sanitizers check that), and refuse
// messages with truncated headers.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "netlink/fou.hpp"
#include "netlink/monitor.hpp"
#include "tests/unit/netlink/recorded.hpp"

namespace culvert::netlink {
namespace {

int decoded_by_any(const std::vector<std::byte>& message) {
    return static_cast<int>(decode_event(message).has_value()) +
           static_cast<int>(decode_fou_port(message).has_value()) +
           static_cast<int>(decode_link_stats(message).has_value());
}

void set_length(std::vector<std::byte>& message, std::uint32_t length) {
    if (message.size() >= sizeof length) std::memcpy(message.data(), &length, sizeof length);
}

class MalformedTest : public testing::TestWithParam<std::string> {};

TEST_P(MalformedTest, TruncatedMessageIsRefused) {
    const auto whole = recorded(GetParam());
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_EQ(decoded_by_any({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)}), 0) << length;
}

TEST_P(MalformedTest, TruncatedAttributesAreHarmless) {
    const auto whole = recorded(GetParam());
    for (std::size_t length = 0; length < whole.size(); ++length) {
        std::vector<std::byte> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        set_length(part, static_cast<std::uint32_t>(length));
        const int decoded = decoded_by_any(part);
        if (length < NLMSG_HDRLEN + 4) {
            EXPECT_EQ(decoded, 0) << length;
        }
    }
}

TEST_P(MalformedTest, FlippedBytesAreHarmless) {
    const auto whole = recorded(GetParam());
    for (std::size_t i = 0; i < whole.size(); ++i)
        for (const auto flip : {std::byte{0xff}, std::byte{0x01}, std::byte{0x80}, std::byte{0x04}}) {
            auto flipped = whole;
            flipped[i] ^= flip;
            const auto elsewhere = flipped;
            EXPECT_EQ(decode_event(flipped), decode_event(elsewhere)) << "what is around the bytes has no say";
            EXPECT_EQ(decode_fou_port(flipped), decode_fou_port(elsewhere));
            EXPECT_EQ(decode_link_stats(flipped), decode_link_stats(elsewhere));
        }
}

INSTANTIATE_TEST_SUITE_P(Recordings, MalformedTest, testing::ValuesIn(all_recorded()), [](const auto& recording) {
    std::string name = recording.param;
    std::ranges::replace(name, '-', '_');
    return name;
});

}  // namespace
}  // namespace culvert::netlink
