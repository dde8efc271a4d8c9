// SPDX-License-Identifier: Apache-2.0
#include "lbd/announce/files.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "tests/unit/lbd/key/folder.hpp"

namespace culvert::lbd {
namespace {

/// Does what the cure of the error says.
void cure(const netlink::Error& error) {
    const std::string command = error.cure.substr(0, error.cure.find(':'));
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

TEST(AnnounceFiles, KeepThePlacesOfRoutes) {
    const Folder folder;
    const auto path = places_file(folder.path() / "lbd.sock");
    EXPECT_EQ(path.filename(), "lbd.announced.json");
    EXPECT_THAT(*read_places(path), testing::IsEmpty());
    const AnnouncePlaces places{{186, 114}, {254, 115}};
    ASSERT_TRUE(write_places(path, places));
    EXPECT_EQ(*read_places(path), places);
    ASSERT_TRUE(write_places(path, {}));
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(AnnounceFiles, KeepThatTheOperatorHasLeft) {
    const Folder folder;
    const auto path = left_file(folder.path() / "lbd.sock");
    EXPECT_EQ(path.filename(), "lbd.left.json");
    EXPECT_FALSE(*read_left(path));
    ASSERT_TRUE(write_left(path, true));
    EXPECT_TRUE(*read_left(path));
    ASSERT_TRUE(write_left(path, false));
    EXPECT_FALSE(*read_left(path));
}

TEST(AnnounceFiles, WhoeverDamagesOneIsToldTheCure) {
    const Folder folder;
    const auto places = places_file(folder.path() / "lbd.sock");
    std::ofstream(places) << "[{\"table\": 186}]";
    const auto not_places = read_places(places);
    ASSERT_FALSE(not_places);
    SCOPED_TRACE("cure of places_unreadable");
    cure(not_places.error());
    EXPECT_TRUE(read_places(places));

    const auto left = left_file(folder.path() / "lbd.sock");
    std::ofstream(left) << "left";
    const auto not_left = read_left(left);
    ASSERT_FALSE(not_left);
    SCOPED_TRACE("cure of left_unreadable");
    cure(not_left.error());
    EXPECT_FALSE(*read_left(left));
}

}  // namespace
}  // namespace culvert::lbd
