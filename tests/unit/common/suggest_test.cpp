// SPDX-License-Identifier: Apache-2.0
#include "common/suggest.hpp"

#include <gtest/gtest.h>

#include <string>

namespace culvert::common {
namespace {

const std::vector<std::string_view> keys{"name", "vip", "ports", "encap", "backends", "weight"};

TEST(Suggest, FindsWhatIsOneSlipAway) {
    EXPECT_EQ(suggest("nmae", keys), "name");       // two letters swapped
    EXPECT_EQ(suggest("port", keys), "ports");      // one missing
    EXPECT_EQ(suggest("encaps", keys), "encap");    // one too many
    EXPECT_EQ(suggest("vup", keys), "vip");         // one wrong
    EXPECT_EQ(suggest("wieghts", keys), "weight");  // two mistakes in a longer word
}

TEST(Suggest, TakesCaseForNoDifference) { EXPECT_EQ(suggest("BackEnds", keys), "backends"); }

TEST(Suggest, PrefersTheNearest) { EXPECT_EQ(suggest("native", {"naive", "natives!", "native-"}), "naive"); }

TEST(Suggest, IsSilentWhenNothingIsNear) {
    EXPECT_EQ(suggest("colour", keys), std::nullopt);
    EXPECT_EQ(suggest("", keys), std::nullopt);
    EXPECT_EQ(suggest("x", {"y"}), std::nullopt) << "a completely different word is no typing error";
    EXPECT_EQ(suggest("name", {}), std::nullopt);
    EXPECT_EQ(suggest(std::string(100'000, 'n'), keys), std::nullopt);
}

}  // namespace
}  // namespace culvert::common
