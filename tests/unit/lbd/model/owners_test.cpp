// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/owners.hpp"

#include <gtest/gtest.h>

#include <string>

#include "lbd/plan/ids.hpp"

namespace culvert::lbd {
namespace {

const Ids ids{{"dns", {.base = 9, .size = 4, .backends = {{9, "a"}}}},
              {"web", {.base = 13, .size = 8, .backends = {{1, "a"}, {2, "b"}, {13, "a"}, {14, "c"}}}}};

Service service(const std::string& name) { return {.name = name}; }

TEST(Owners, IdsComeBackAsTheyWere) { EXPECT_EQ(ids_of(owners(ids)), ids); }

TEST(Owners, HalfAChangeOfBlocksIsNone) {
    Ids before = ids;
    before["web"] = {.base = 1, .size = 4, .backends = {{1, "a"}, {2, "b"}}};
    Owners half = owners(before);
    half[13] = owners(ids).at(13);
    EXPECT_EQ(ids_of(half).at("web"), (ServiceIds{.base = 13, .size = 8, .backends = {{1, "a"}, {2, "b"}, {13, "a"}}}));
}

TEST(Owners, WhatIsGoneIsForgottenWhenItsFlowsAre) {
    const auto forget = [](std::uint32_t used) {
        return forget_unused(ids, {service("web")}, [&](std::uint32_t id) { return id == used; });
    };
    EXPECT_EQ(forget(9).size(), 2U);
    const Ids without = forget(1);
    EXPECT_FALSE(without.contains("dns"));
    EXPECT_EQ(without.at("web").backends, (std::map<std::uint32_t, std::string>{{1, "a"}, {13, "a"}, {14, "c"}}));
}

TEST(Owners, AServiceWithoutABackendKeepsItsIds) {
    const Ids empty{{"web", {.base = 1, .size = 4, .backends = {}}}};
    EXPECT_EQ(forget_unused(empty, {service("web")}, [](std::uint32_t) { return false; }), empty);
}

}  // namespace
}  // namespace culvert::lbd
