// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "lbd/health/known_subjects.hpp"
#include "lbd/plan/found_health.hpp"
#include "lbd/plan/plan.hpp"
#include "tests/unit/lbd/address.hpp"

/// The health of backends survives renaming, and moves from one process to the next.
namespace culvert::lbd {
namespace {

Subject subject(const std::string& service, const std::string& backend, std::string_view at, std::string_view vip) {
    return {.service = service,
            .backend = backend,
            .backend_address = address(at),
            .vip = address(vip),
            .address = {},
            .port = 80};
}

TEST(KnownSubjects, AreTheSameByAddressAndServiceOrVip) {
    KnownSubjects<int> known;
    known.add(subject("web", "b1", "10.0.0.3", "192.0.2.1"), 1);
    known.add(subject("web", "b2", "10.0.0.4", "192.0.2.1"), 2);
    known.add(subject("mail", "b1", "10.0.0.3", "192.0.2.2"), 3);
    const auto found = [&](const Subject& one) {
        const int* knowledge = known.find(one);
        return knowledge == nullptr ? 0 : *knowledge;
    };
    EXPECT_EQ(found(subject("web", "b1", "10.0.0.3", "192.0.2.1")), 1);
    EXPECT_EQ(found(subject("web", "first", "10.0.0.3", "192.0.2.1")), 1) << "the backend has another name";
    EXPECT_EQ(found(subject("www", "b1", "10.0.0.3", "192.0.2.1")), 1) << "its service has another name";
    EXPECT_EQ(found(subject("mail", "b1", "10.0.0.3", "192.0.2.9")), 3) << "its service has another VIP";
    EXPECT_EQ(found(subject("web", "b1", "10.0.0.9", "192.0.2.1")), 0) << "this is another host";
    EXPECT_EQ(found(subject("ftp", "b1", "10.0.0.3", "192.0.2.3")), 0) << "it serves something else";
    EXPECT_TRUE(known.knows(address("10.0.0.4")));
    EXPECT_FALSE(known.knows(address("10.0.0.5")));
}

Services services(OnFailure on_failure) {
    Service service{.name = "web", .vip = {{address("192.0.2.1"), 32}}, .ports = {{Protocol::tcp, 80, 80}}};
    service.health = HealthCheck{.kind = TcpCheck{}, .on_failure = on_failure};
    for (const char* at : {"10.0.0.3", "10.0.0.4"})
        service.backends.push_back({.name = at, .address = address(at), .encap = L2{}});
    Services list;
    list.push_back(std::make_shared<const Service>(service));
    return list;
}

TEST(FoundHealth, IsWhatThePlanHasPutIntoTheMaps) {
    for (const OnFailure on_failure : {OnFailure::move, OnFailure::keep}) {
        const Services wanted = services(on_failure);
        const Health down{{{"web", "10.0.0.4"}, {.up = false}}};
        const auto image = plan(wanted, {}, {}, {}, down);
        ASSERT_TRUE(image);
        EXPECT_EQ(found_health(wanted, *image), down);
        const auto well = plan(wanted, {}, *image, {}, {});
        ASSERT_TRUE(well);
        EXPECT_EQ(found_health(wanted, *well), Health{});
        EXPECT_EQ(found_health(wanted, {}), Health{});
    }
}

TEST(FoundHealth, OfAnLbdThatHadOneFlagOnly) {
    const Services wanted = services(OnFailure::move);
    const Health down{{{"web", "10.0.0.4"}, {.up = false}}};
    auto image = plan(wanted, {}, {}, {}, down);
    ASSERT_TRUE(image);
    for (auto& [id, body] : image->dests) body.flags &= static_cast<std::uint8_t>(~LB_DEST_DOWN);
    EXPECT_EQ(found_health(wanted, *image), down);
}

}  // namespace
}  // namespace culvert::lbd
