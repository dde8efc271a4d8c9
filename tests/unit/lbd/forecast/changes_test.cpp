// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/changes.hpp"

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/lbd/plan/services.hpp"

namespace culvert::lbd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Config with_services(std::vector<Service> services) {
    return {.interfaces = {"eth0"}, .cluster = {}, .announce = {}, .services = std::move(services)};
}

const Service changing = service("web", "192.0.2.1", {backend("10.0.0.1"), backend("10.0.0.2")});

std::vector<std::string> texts(const Config& before, const Config& after) {
    std::vector<std::string> texts;
    for (const ConfigChange& one : changes_between(before, after)) texts.push_back(one.to_string());
    return texts;
}

TEST(ChangesTest, TheSameChangesNothing) {
    EXPECT_THAT(texts(with_services({changing}), with_services({changing})), IsEmpty());
}

TEST(ChangesTest, BackendsComeGoAndChange) {
    Service next = changing;
    next.backends[0].weight = 3;
    next.backends[0].state = BackendState::drain;
    next.backends[1] = backend("10.0.0.3");
    EXPECT_THAT(texts(with_services({changing}), with_services({next})),
                ElementsAre("~ service web: backend 10.0.0.1: state: active -> drain",
                            "~ service web: backend 10.0.0.1: weight: 1 -> 3",
                            "- service web: backend 10.0.0.2: 10.0.0.2", "+ service web: backend 10.0.0.3: 10.0.0.3"));
}

TEST(ChangesTest, ServicesComeGoAndGetAnotherName) {
    const Service dns{.name = "dns",
                      .vip = address("192.0.2.2"),
                      .ports = {{Protocol::udp, 53}, {Protocol::tcp, 53}},
                      .backends = {backend("10.0.0.1")}};
    EXPECT_THAT(texts(with_services({changing}), with_services({dns})),
                ElementsAre("- service web: 192.0.2.1 80/tcp, 2 backends",
                            "+ service dns: 192.0.2.2 53/udp, 53/tcp, 1 backend"));
    Service renamed = changing;
    renamed.name = "www";
    EXPECT_THAT(texts(with_services({dns, changing}), with_services({renamed, dns})),
                ElementsAre("~ service web: name: web -> www"));
}

TEST(ChangesTest, ChecksOfHealthHaveManyLines) {
    Service checked = changing;
    checked.health = HealthCheck{.kind = HttpCheck{.path = "/ok"}};
    EXPECT_THAT(texts(with_services({changing}), with_services({checked})), ElementsAre("+ service web: health: http"));
    Service other = checked;
    other.health->kind = HttpCheck{.path = "/well"};
    other.health->minimum = 2;
    other.announce.metric = 200;
    EXPECT_THAT(texts(with_services({checked}), with_services({other})),
                ElementsAre("~ service web: announce: metric 100 -> metric 200",
                            "~ service web: health: minimum: 1 -> 2", "~ service web: health: path: /ok -> /well"));
}

TEST(ChangesTest, TheFirstPortIsChecked) {
    Service checked = changing;
    checked.ports = {{Protocol::tcp, 80}, {Protocol::tcp, 443}};
    checked.health = HealthCheck{.kind = TcpCheck{}};
    Service other = checked;
    std::swap(other.ports[0], other.ports[1]);
    EXPECT_THAT(texts(with_services({checked}), with_services({other})),
                ElementsAre("~ service web: health: port: 80 -> 443"));
}

TEST(ChangesTest, OtherSettings) {
    Config before = with_services({changing});
    Config after = before;
    before.interfaces = {"eth0", "eth2"};
    after.interfaces = {"eth1", "eth0"};
    after.metrics.reset();
    after.announce = Announce();
    after.cluster.key_file = "/etc/key";
    after.cluster.key = ClusterKey{};
    EXPECT_THAT(
        texts(before, after),
        ElementsAre("+ announce: when any", "+ cluster: key_file: /etc/key",
                    "+ interface eth1: balances what arrives there", "- interface eth2: balances what arrives there",
                    "~ metrics: 127.0.0.1:9477 -> off",
                    "~ cluster: key: the one in force -> another one, which takes effect after lbd stop --detach"));
}

}  // namespace
}  // namespace culvert::lbd
