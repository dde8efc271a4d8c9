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
    const auto heirs = heirs_of({{"web", "b1"}, {"web", "gone"}, {"gone", "b1"}}, config());
    EXPECT_THAT(all_heirs(heirs), ElementsAre(Drained{"web", "b1"}));
    EXPECT_EQ(heirs.size(), 3U);
}

Service service(const std::string& name, const char* vip, std::uint16_t port, std::vector<Backend> backends) {
    return {
        .name = name, .vip = *IpAddress::parse(vip), .ports = {{Protocol::tcp, port}}, .backends = std::move(backends)};
}

/// The drains after a change of the services.
Drains drains_after(const Drains& drains, Services before, Services after) {
    Config from;
    Config to;
    from.services = std::move(before);
    to.services = std::move(after);
    return all_heirs(heirs_of(drains, from, to));
}

TEST(Drains, FollowTheAddress) {
    const Service web = service("web", "192.0.2.1", 80, {backend("r1", "10.0.0.1"), backend("r2", "10.0.0.2")});
    const auto after = [&](std::vector<Backend> backends) {
        return drains_after({{"web", "r1"}}, {web}, {service("web", "192.0.2.1", 80, std::move(backends))});
    };
    EXPECT_THAT(after({backend("r1-a", "10.0.0.1"), backend("r2", "10.0.0.2")}), ElementsAre(Drained{"web", "r1-a"}));
    EXPECT_THAT(after({backend("r2", "10.0.0.1"), backend("r1", "10.0.0.2")}), ElementsAre(Drained{"web", "r2"}));
    EXPECT_THAT(after({backend("r1", "10.0.0.2")}), testing::IsEmpty()) << "r1 is another one now";
    EXPECT_THAT(after({backend("r1", "10.0.0.9"), backend("r2", "10.0.0.2")}), ElementsAre(Drained{"web", "r1"}));
    EXPECT_THAT(after({backend("r2", "10.0.0.2")}), testing::IsEmpty());
}

TEST(Drains, FollowTheVip) {
    const std::vector<Backend> backends{backend("r1", "10.0.0.1"), backend("r2", "10.0.0.2")};
    const Service web = service("web", "192.0.2.1", 80, backends);
    const Service dns = service("dns", "192.0.2.2", 53, backends);
    const Drains drains{{"web", "r1"}};
    EXPECT_THAT(drains_after(drains, {web, dns}, {service("www", "192.0.2.1", 80, {backend("a", "10.0.0.1")}), dns}),
                ElementsAre(Drained{"www", "a"}));
    EXPECT_THAT(drains_after(drains, {web, dns},
                             {service("dns", "192.0.2.1", 80, backends), service("web", "192.0.2.2", 53, backends)}),
                ElementsAre(Drained{"dns", "r1"}))
        << "they have exchanged their names";
    Service both = web;
    both.ports = {{Protocol::tcp, 80}, {Protocol::tcp, 443}};
    EXPECT_THAT(drains_after(drains, {both}, {web, service("tls", "192.0.2.1", 443, backends)}),
                ElementsAre(Drained{"tls", "r1"}, Drained{"web", "r1"}));
    EXPECT_THAT(drains_after(drains, {web}, {service("web", "192.0.2.9", 80, backends)}),
                ElementsAre(Drained{"web", "r1"}));
    EXPECT_THAT(drains_after(drains, {web}, {service("other", "192.0.2.9", 80, backends)}), testing::IsEmpty());
    EXPECT_THAT(drains_after(drains, {web, dns}, {dns}), testing::IsEmpty());
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
