// SPDX-License-Identifier: Apache-2.0
#include "lbd/key/derive.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace culvert::lbd {
namespace {

ClusterKey counting() {
    ClusterKey key;
    std::iota(key.bytes.begin(), key.bytes.end(), std::uint8_t{0});
    return key;
}

lb_config hashed(const ClusterKey& key) {
    lb_config config{};
    EXPECT_TRUE(set_hash_key(config, key));
    return config;
}

TEST(DerivedKey, IsThatOfRfc5869) {
    const std::vector<std::uint8_t> secret(22, 0x0b);  // appendix A.3: no salt, no info
    std::array<std::uint8_t, 42> derived{};
    ASSERT_TRUE(derive(secret, "", derived));
    EXPECT_EQ(fmt::format("{:02x}", fmt::join(derived, "")),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

// openssl kdf -keylen 48 -kdfopt digest:SHA256 -kdfopt hexkey:0001…1f -kdfopt info:"culvert flow hash" HKDF
// Another version of lbd must derive the same, or flows change their slots with an upgrade.
TEST(DerivedKey, OfFlowsIsWhatOthersCompute) {
    const lb_config config = hashed(counting());
    EXPECT_EQ(config.hash_final, 0x1a1f9039e3c00c8cU);
    const std::array<std::uint32_t, 10> words{0xa96530c7, 0x9ab50c00, 0x2e210ba4, 0x3ab4c8de, 0x6be134e3,
                                              0x83be9ad3, 0x9c0078e6, 0x33c68a4f, 0x1e1a4ed8, 0x3eb910c1};
    EXPECT_TRUE(std::ranges::equal(config.hash_key, words));
    EXPECT_EQ(digest_of_hash_key(config).value(), "0e9bfec2");
}

TEST(DerivedKey, DependsOnEveryByte) {
    const lb_config config = hashed(counting());
    EXPECT_TRUE(have_same_hash_key(config, hashed(counting())));
    for (std::size_t i = 0; i < counting().bytes.size(); ++i) {
        ClusterKey other = counting();
        other.bytes.at(i) ^= 1;
        EXPECT_FALSE(have_same_hash_key(config, hashed(other)));
        EXPECT_NE(digest_of_hash_key(hashed(other)).value(), "0e9bfec2");
    }
    lb_config changed = config;
    changed.hash_key[9] ^= 1;
    EXPECT_FALSE(have_same_hash_key(config, changed));
    changed = config;
    changed.hash_final ^= 1;
    EXPECT_FALSE(have_same_hash_key(config, changed));
}

}  // namespace
}  // namespace culvert::lbd
