// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/source.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/config_files.hpp"

namespace culvert::lbd {
namespace {

using config_files::printed;

class FileSourceTest : public testing::Test {
  protected:
    FileSourceTest() { std::filesystem::create_directory(folder_); }
    ~FileSourceTest() override { std::filesystem::remove_all(folder_); }

    void write(int weight, const std::string& more = "") const {
        std::ofstream(path()) << "interfaces: [eth0]\ndefaults: {encap: {type: ipip}, table: 1009}\nservices:\n"
                              << "  - name: a\n    vip: 192.0.2.1\n    ports: [80/tcp]\n    backends:\n"
                              << "      - {address: 10.0.0.1, weight: " << weight << "}\n"
                              << "  - name: b\n    vip: 192.0.2.2\n    ports: [80/tcp]\n    backends:\n"
                              << "      - {address: 10.0.0.1}\n"
                              << "  - name: c\n    vip: 192.0.2.3\n    ports: [80/tcp]\n    backends:\n"
                              << "      - {address: 10.0.0.1}\n"
                              << more;
    }
    [[nodiscard]] std::string path() const { return folder_ / "lbd.yaml"; }

    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("culvert-source-" + std::to_string(::getpid()));
    FileSource source{path()};
};

TEST_F(FileSourceTest, WhatHasNotChangedIsSharedAlsoAfterErrors) {
    write(1);
    const ConfigResult first = source.read();
    ASSERT_TRUE(first) << printed(first);
    write(1, "services: []\n");
    ASSERT_FALSE(source.read());
    write(2);
    const ConfigResult second = source.read();
    ASSERT_TRUE(second) << printed(second);
    EXPECT_NE(first->services.shared()[0], second->services.shared()[0]);
    EXPECT_EQ(first->services.shared()[1], second->services.shared()[1]);
    EXPECT_EQ(first->services.shared()[2], second->services.shared()[2]);
    EXPECT_EQ(second->services[0].backends[0].weight, 2);
}

TEST_F(FileSourceTest, ErrorsHaveTheirPlaceInTheFile) {
    write(99'999);
    EXPECT_EQ(printed(source.read()), path() + ":8:37: \"99999\" is not a weight: write a number from 0 to 65535\n");
    std::filesystem::remove(path());
    EXPECT_EQ(printed(source.read()), path() + ": cannot be opened: No such file or directory\n");
    EXPECT_EQ(source.name(), path());
}

TEST_F(FileSourceTest, APipeIsReadOnlyTheFirstTime) {
    write(1);
    ASSERT_TRUE(source.read());
    std::filesystem::remove(path());
    ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
    EXPECT_EQ(printed(source.read()),
              path() + ": is a directory, a pipe or a device, which cannot be read again: write a regular file\n");
}

}  // namespace
}  // namespace culvert::lbd
