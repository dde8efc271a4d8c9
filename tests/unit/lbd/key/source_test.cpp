// SPDX-License-Identifier: Apache-2.0
#include "lbd/key/source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lbd/config/file/source.hpp"
#include "lbd/key/key_file.hpp"
#include "tests/unit/config_files.hpp"
#include "tests/unit/lbd/key/folder.hpp"

namespace culvert::lbd {
namespace {

using config_files::printed;
using testing::HasSubstr;

std::string line_of(char digit) { return std::string(64, digit) + "\n"; }

class KeyedConfig : public testing::Test {
  protected:
    void configure(const std::string& cluster) const {
        (void)folder_.write("lbd.yaml", "interfaces: [eth0]\nservices: []\n" + cluster);
    }
    [[nodiscard]] std::unique_ptr<ConfigSource> source(OwnKey::Use use) const {
        return with_key(std::make_unique<FileSource>(folder_ / "lbd.yaml"),
                        {.use = use, .state_directory = folder_ / "state"});
    }

    const Folder folder_;
};

TEST_F(KeyedConfig, HasTheKeyThatIsInTheFileNow) {
    const std::string path = folder_.write("cluster.key", line_of('1'));
    configure("cluster: {key_file: " + path + "}\n");
    for (const auto use : {OwnKey::Use::none, OwnKey::Use::look, OwnKey::Use::make}) {
        (void)folder_.write("cluster.key", line_of('1'));
        const auto keyed = source(use);
        EXPECT_EQ(keyed->name(), (folder_ / "lbd.yaml").string());
        const ConfigResult first = keyed->read();
        ASSERT_TRUE(first) << printed(first);
        EXPECT_EQ(first->cluster, (Cluster{.key_file = path, .key = parse_key(line_of('1'))}));
        (void)folder_.write("cluster.key", line_of('2'));
        EXPECT_EQ(keyed->read()->cluster.key, parse_key(line_of('2'))) << "lbd.yaml has not changed";
        (void)folder_.write("cluster.key", "");
        const ConfigResult empty = keyed->read();
        EXPECT_THAT(printed(empty),
                    HasSubstr((folder_ / "lbd.yaml").string() + ": read " + path + ": Invalid argument"));
    }
    EXPECT_FALSE(std::filesystem::exists(folder_ / "state"));
}

TEST_F(KeyedConfig, HasTheOwnKeyWithoutAFile) {
    configure("");
    EXPECT_EQ(source(OwnKey::Use::none)->read()->cluster.key, std::nullopt);
    EXPECT_EQ(source(OwnKey::Use::look)->read()->cluster.key, std::nullopt);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "state"));
    const auto made = source(OwnKey::Use::make)->read()->cluster.key;
    ASSERT_TRUE(made);
    EXPECT_EQ(source(OwnKey::Use::look)->read()->cluster.key, made);
    EXPECT_EQ(source(OwnKey::Use::make)->read()->cluster.key, made);
    EXPECT_EQ(source(OwnKey::Use::none)->read()->cluster.key, std::nullopt);
}

TEST_F(KeyedConfig, WithOtherErrorsReadsNoKey) {
    configure("cluster: {key_file: /nowhere}\nservice: []\n");
    EXPECT_THAT(printed(source(OwnKey::Use::make)->read()), testing::Not(HasSubstr("/nowhere")));
}

}  // namespace
}  // namespace culvert::lbd
