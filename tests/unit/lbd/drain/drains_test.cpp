// SPDX-License-Identifier: Apache-2.0
#include "lbd/drain/drains.hpp"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

namespace culvert::lbd {
namespace {

using testing::ElementsAre;

Backend backend(const std::string& name, const char* address) {
    return {.name = name, .address = *IpAddress::parse(address)};
}

Config config() {
    Config config;
    config.services = {{.name = "dns", .backends = {backend("b1", "10.0.0.1"), backend("b2", "10.0.0.2")}},
                       {.name = "web", .backends = {backend("b1", "10.0.0.1"), backend("fd00::1", "fd00::1")}}};
    return config;
}

TEST(Drains, BackendsAreFoundByNameOrAddressInOneServiceOrAll) {
    EXPECT_THAT(find_backends(config(), "b1", ""), ElementsAre(Drained{"dns", "b1"}, Drained{"web", "b1"}));
    EXPECT_THAT(find_backends(config(), "10.0.0.1", "web"), ElementsAre(Drained{"web", "b1"}));
    EXPECT_THAT(find_backends(config(), "fd00::1", ""), ElementsAre(Drained{"web", "fd00::1"}));
    EXPECT_THAT(find_backends(config(), "b2", "web"), testing::IsEmpty());
}

TEST(Drains, WhoIsNotFoundMayBeCalledAlike) {
    EXPECT_EQ(not_found(config(), "b11", ""), "no backend \"b11\": did you mean b1?");
    EXPECT_EQ(not_found(config(), "b2", "web"), "no backend \"b2\" of service \"web\": did you mean b1?");
    EXPECT_EQ(not_found(config(), "b1", "wep"), "no service \"wep\": did you mean web?");
    EXPECT_EQ(not_found(config(), "10.0.0.77", "dns"),
              "no backend \"10.0.0.77\" of service \"dns\": lbd show backends has them");
}

TEST(Drains, OfTheConfigurationOnlyTheStateChanges) {
    Config wanted = config();
    Service web = wanted.services[1];
    web.backends[0].state = BackendState::drain;
    wanted.services.replace(1, web);
    EXPECT_EQ(with_drains(config(), {{"web", "b1"}, {"web", "gone"}}), wanted);
    EXPECT_EQ(with_drains(config(), {}), config());
    EXPECT_THAT(known({{"web", "b1"}, {"web", "gone"}, {"gone", "b1"}}, config()), ElementsAre(Drained{"web", "b1"}));
}

TEST(Drains, WhoSaysSorryStaysToBeKnownAsSuch) {
    Config configured = config();
    Service web = configured.services[1];
    web.backends[0].state = BackendState::sorry;
    configured.services.replace(1, web);
    const Config once = with_drains(configured, {{"web", "b1"}});
    EXPECT_EQ(once.services[1].backends[0].state, BackendState::drained_sorry);
    EXPECT_EQ(with_drains(once, {{"web", "b1"}}), once);
}

TEST(Drains, TheFileKeepsThem) {
    const std::filesystem::path file =
        drains_file(std::filesystem::temp_directory_path() / fmt::format("drains-{}", getpid()) / "lbd-a.sock");
    EXPECT_EQ(file.filename(), "lbd-a.drained.json");
    EXPECT_EQ(read_drains(file), Drains{});
    const Drains drains{{"dns", "b1"}, {"web", "a \"b\""}};
    ASSERT_TRUE(write_drains(file, drains));
    EXPECT_EQ(read_drains(file), drains);
    ASSERT_TRUE(write_drains(file, {}));
    EXPECT_FALSE(exists(file));
    std::ofstream(file) << "[{}]";
    const auto bad = read_drains(file);
    ASSERT_FALSE(bad);
    EXPECT_THAT(bad.error().message(), testing::HasSubstr("(rm " + file.string() + ": "));
    remove_all(file.parent_path());
}

}  // namespace
}  // namespace culvert::lbd
