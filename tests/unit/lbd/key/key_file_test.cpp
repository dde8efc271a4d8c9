// SPDX-License-Identifier: Apache-2.0
#include "lbd/key/key_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <vector>

#include "tests/unit/lbd/key/folder.hpp"

namespace culvert::lbd {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view line = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1F\n";

template <typename T>
std::string refusal(const netlink::Result<T>& result) {
    return result ? "" : result.error().message();
}

TEST(KeyText, IsReadAsItIsWritten) {
    const auto key = random_key();
    ASSERT_TRUE(key);
    EXPECT_EQ(to_line(*key).size(), 65U);
    EXPECT_EQ(parse_key(to_line(*key)), *key);
    EXPECT_NE(*random_key(), *key);
    EXPECT_EQ(parse_key(line)->bytes.back(), 0x1f);
    EXPECT_EQ(parse_key(line.substr(0, 64)), parse_key(line));
    EXPECT_EQ(parse_key(std::string(line) + "\r\n\n"), parse_key(line));
}

TEST(KeyText, IsNothingElse) {
    const std::string good(line.substr(0, 64));
    for (const std::string& bad :
         {std::string(), std::string("\n"), good.substr(1), good + "0", good + good, " " + good, good + "\n" + good,
          "0x" + good, "g" + good.substr(1), "-" + good.substr(1), good.substr(0, 63) + " "})
        EXPECT_FALSE(parse_key(bad)) << bad;
}

TEST(KeyFile, HasTheKey) {
    const Folder folder;
    const auto read = read_key_file(folder.write("key", line));
    ASSERT_TRUE(read) << refusal(read);
    EXPECT_EQ(*read, parse_key(line));
}

TEST(KeyFile, ThatIsMissingOrDamagedIsRefusedWithTheCure) {
    const Folder folder;
    const auto says = [&](const std::string& path, const std::string& words) {
        const std::string said = refusal(read_key_file(path));
        EXPECT_THAT(said, HasSubstr("read " + path + ": " + words));
        EXPECT_THAT(said, HasSubstr("(lbd keygen | install -o "));
        EXPECT_THAT(said,
                    HasSubstr(" -m 600 /dev/stdin " + path + ", or copy it from another balancer of the cluster)"));
        EXPECT_THAT(said, Not(HasSubstr("0001"))) << "a key";
    };
    says(folder / "none", "No such file or directory (");
    says(folder.write("empty", ""), "Invalid argument: it has no key, which is a line of 64 hexadecimal digits (");
    says(folder.write("short", line.substr(2)), "Invalid argument: it has no key");
    says(folder.write("twice", std::string(line) + std::string(line)), "Invalid argument: it has no key");
    says(folder.write("long", std::string(100'000, '0')), "Invalid argument: it has no key");
    says(folder.path(), "Invalid argument: it is not a regular file");
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    says(folder / "pipe", "Invalid argument: it is not a regular file");
}

TEST(OwnKey, IsMadeOnceForItsOwnerOnly) {
    const Folder folder;
    const auto directory = folder / "lib/culvert/lbd";
    EXPECT_EQ(look_for_own_key(directory).value(), std::nullopt);
    EXPECT_FALSE(std::filesystem::exists(folder / "lib")) << "looking makes nothing";
    const auto made = own_key(directory);
    ASSERT_TRUE(made) << refusal(made);
    EXPECT_EQ(content_of(directory / "key"), to_line(*made));
    EXPECT_EQ(mode_of(directory / "key"), 0600U);
    EXPECT_EQ(*own_key(directory), *made);
    EXPECT_EQ(look_for_own_key(directory).value(), *made);
    const auto files = std::filesystem::directory_iterator(directory);
    EXPECT_EQ(std::distance(begin(files), end(files)), 1) << "nothing else is left";
}

TEST(OwnKey, IsTheSameForAllThatMakeItAtOnce) {
    const Folder folder;
    std::vector<std::future<netlink::Result<ClusterKey>>> makers;
    for (int i = 0; i < 16; ++i)
        makers.push_back(std::async(std::launch::async, [&] { return own_key(folder / "state"); }));
    for (auto& maker : makers) EXPECT_EQ(maker.get().value(), *own_key(folder / "state"));
}

TEST(OwnKey, ThatIsDamagedIsKept) {
    const Folder folder;
    const std::string path = folder.write("key", "");
    const std::string words = "read " + path +
                              ": Invalid argument: it has no key, which is a line of 64 hexadecimal digits (rm " +
                              path + ": lbd then makes another one)";
    EXPECT_EQ(refusal(own_key(folder.path())), words);
    EXPECT_EQ(refusal(look_for_own_key(folder.path())), words);
    EXPECT_EQ(content_of(path), "");
}

TEST(OwnKey, NeedsADirectory) {
    EXPECT_THAT(refusal(own_key("/proc/none/state")),
                HasSubstr("(StateDirectory=culvert/lbd in the unit of systemd, or --state-dir DIRECTORY)"));
}

}  // namespace
}  // namespace culvert::lbd
