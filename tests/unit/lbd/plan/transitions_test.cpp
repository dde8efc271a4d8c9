// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/transitions.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "lbd/reconcile/planner.hpp"
#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

Service moved_service(int number, int backends, std::vector<PortSpec> ports = {{Protocol::tcp, 80}}) {
    Service service{.name = "s" + std::to_string(number),
                    .vip = address("192.0.2." + std::to_string(number)),
                    .ports = std::move(ports),
                    .table_size = 101,
                    .backends = {}};
    for (int i = 1; i <= backends; ++i) {
        const std::string name = "10.0.0." + std::to_string(i);
        service.backends.push_back({.name = name, .address = address(name), .encap = Ipip{}});
    }
    return service;
}

/// Plans one state after the other. Times and slots are of no interest.
class History {
  public:
    void plan(const Services& services) {
        auto draft = planner_.draft({.services = services, .hops = {}, .health = {}}, {});
        ASSERT_TRUE(draft);
        planner_.take(*std::move(draft));
    }
    [[nodiscard]] const Image& image() const { return planner_.image(); }
    [[nodiscard]] std::uint32_t line(const Service& service, std::uint8_t protocol = 6, std::uint16_t port = 80) const {
        return image().vips.at({service.vip, protocol, port}).transition;
    }

  private:
    Planner planner_{Image()};
};

TEST(Transitions, ServicesThatChangeAlikeShareThem) {
    History state;
    state.plan({moved_service(1, 2), moved_service(2, 2), moved_service(3, 3)});
    EXPECT_TRUE(state.image().transitions.empty());
    state.plan({moved_service(1, 3), moved_service(2, 3), moved_service(3, 2)});
    EXPECT_NE(state.line(moved_service(1, 3)), 0U);
    EXPECT_EQ(state.line(moved_service(1, 3)), state.line(moved_service(2, 3)));
    EXPECT_NE(state.line(moved_service(1, 3)), state.line(moved_service(3, 2))) << "from another table";
    EXPECT_EQ(state.image().transitions.at(state.line(moved_service(1, 3))).users, 2U);

    state.plan({moved_service(1, 3), moved_service(2, 2), moved_service(3, 2)});
    EXPECT_NE(state.line(moved_service(1, 3)), state.line(moved_service(2, 2))) << "one has changed again";
    EXPECT_EQ(state.image().transitions.size(), 3U);
    state.plan({moved_service(1, 3)});
    EXPECT_EQ(state.image().transitions.size(), 1U);
}

TEST(Transitions, PortsWithoutConnectionsHaveNone) {
    const std::vector<PortSpec> ports{{Protocol::tcp, 80}, {Protocol::udp, 80}, {Protocol::sctp, 80}};
    History state;
    state.plan({moved_service(1, 2, ports)});
    state.plan({moved_service(1, 3, ports)});
    const Service service = moved_service(1, 3, ports);
    EXPECT_NE(state.line(service), 0U);
    EXPECT_EQ(state.line(service, 132), state.line(service));
    EXPECT_EQ(state.line(service, 17), 0U);
    EXPECT_EQ(state.image().transitions.at(state.line(service)).users, 1U);
}

TEST(Transitions, APortThatIsNewHasNone) {
    History state;
    state.plan({moved_service(1, 2)});
    state.plan({moved_service(1, 3, {{Protocol::tcp, 80}, {Protocol::tcp, 443}})});
    EXPECT_NE(state.line(moved_service(1, 3)), 0U);
    EXPECT_EQ(state.line(moved_service(1, 3), 6, 443), 0U);
}

TEST(Transitions, AServiceThatTracksNoneHasNone) {
    const auto service = [](int backends) {
        Service one = moved_service(1, backends);
        one.track = Track::none;
        return one;
    };
    History state;
    state.plan({service(2)});
    state.plan({service(3)});
    EXPECT_TRUE(state.image().transitions.empty());
    state.plan({moved_service(1, 2)});
    EXPECT_TRUE(state.image().transitions.empty()) << "its flows were where the table was";
}

TEST(Tracking, IsWhatTheServiceSays) {
    Service service = moved_service(1, 1);
    EXPECT_EQ(tracking(service, Protocol::tcp), 0U);
    EXPECT_EQ(tracking(service, Protocol::udp), LB_SERVICE_EACH);
    service.track = Track::all;
    EXPECT_EQ(tracking(service, Protocol::sctp), LB_SERVICE_ALL);
    service.sticky = true;
    EXPECT_EQ(tracking(service, Protocol::tcp), LB_SERVICE_EACH);
    service.track = Track::none;
    EXPECT_EQ(tracking(service, Protocol::udp), LB_SERVICE_NEVER);
}

}  // namespace
}  // namespace culvert::lbd
