// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lbd/attach/plan.hpp"

namespace culvert::lbd {
namespace {

using testing::ElementsAre;

constexpr auto automatic = XdpMode::automatic;
constexpr auto native = XdpMode::native;
constexpr auto generic = XdpMode::generic;

Port port(std::optional<XdpMode> ours = {}) { return {.ifindex = 2, .name = "eth0", .ours = ours}; }
PortPlan planned(std::vector<XdpMode> modes) { return {.ifindex = 2, .name = "eth0", .modes = std::move(modes)}; }

TEST(AttachPlan, NativeIsTriedFirst) {
    EXPECT_THAT(plan_ports({port()}, automatic), ElementsAre(planned({native, generic})));
}

TEST(AttachPlan, TheModeThatIsConfiguredIsTheOnlyOne) {
    EXPECT_THAT(plan_ports({port()}, native), ElementsAre(planned({native})));
    EXPECT_THAT(plan_ports({port()}, generic), ElementsAre(planned({generic})));
}

TEST(AttachPlan, AProgramThatRunsKeepsItsMode) {
    EXPECT_THAT(plan_ports({port(generic)}, automatic), ElementsAre(planned({generic})));
    EXPECT_THAT(plan_ports({port(native)}, native), ElementsAre(planned({native})));
}

TEST(AttachPlan, AProgramInAnotherModeThanTheConfiguredOneIsTakenOffFirst) {
    PortPlan changed = planned({native});
    changed.leaves_mode = true;
    EXPECT_THAT(plan_ports({port(generic)}, native), ElementsAre(changed));
}

}  // namespace
}  // namespace culvert::lbd
