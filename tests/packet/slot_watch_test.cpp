// SPDX-License-Identifier: Apache-2.0
#include "lbd/reconcile/slot_watch.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lbd/datapath/datapath.hpp"
#include "lbd/plan/slots.hpp"
#include "lbd/reconcile/planner.hpp"
#include "tests/packet/balancer.hpp"

namespace culvert::packet {
namespace {

using namespace std::chrono_literals;
using lbd::Service, lbd::Services;
using SlotSet = std::set<std::uint32_t>;

constexpr std::uint32_t slot_count = 101;
constexpr std::uint16_t change_time = 1000;  // in units of FlowClock

Service service_of(const std::string& name, int vip, std::vector<std::string> backends) {
    Service service{.name = name,
                    .vip = *netlink::IpAddress::parse("192.0.2." + std::to_string(vip)),
                    .ports = {{lbd::Protocol::tcp, 80}},
                    .table_size = slot_count,
                    .idle = 1ms,
                    .backends = {}};
    for (std::string& host : backends)
        service.backends.push_back(
            {.name = host, .address = *netlink::IpAddress::parse("10.0.0." + host), .encap = lbd::L2{}});
    return service;
}

SlotSet moving_ones(const lbd::Slots& slots) {
    SlotSet moving;
    for (std::uint32_t slot = 0; slot < slots.size(); ++slot)
        if (slots.moving[slot]) moving.insert(slot);
    return moving;
}

/// The maps of a loaded program, planned and edited as lbd does. The tests say what the flow table has, as the watch
/// sees nothing else of it.
class SlotWatch : public BalancerTest {
  protected:
    void SetUp() override {
        BalancerTest::SetUp();
        if (IsSkipped()) return;
        planner_.emplace(*maps().read());
        change({});
        take(planner_->without_unused_ids({}, [](std::uint32_t) { return false; }));
    }

    void change(Services services) {
        auto draft = planner_->draft({.services = std::move(services), .hops = {}, .health = {}}, limits);
        ASSERT_TRUE(draft) << draft.error().message();
        ASSERT_EQ(draft->limits, limits) << "the maps are too small";
        const lbd::Present present{
            .table = [](const lbd::TablePlace& place) { return maps().ring(place.line, place.size); },
            .slots = [](std::uint32_t line) { return lbd::read_slots(maps().transition(line)); },
            .now = change_time};
        ASSERT_TRUE(maps().apply(planner_->edits(*draft, present)));
        planner_->take(*std::move(draft));
    }

    /// Backend 1 is drained, and backend 2 comes: all slots are in transition from 1 to 2.
    [[nodiscard]] static Service all_moved(Service service) {
        service.backends = service_of("", 1, {"1", "2"}).backends;
        service.backends[0].state = lbd::BackendState::drain;
        return service;
    }

    /// Begins `units` after the change.
    [[nodiscard]] lbd::SlotWatch begin(std::uint16_t units = 1000) const {
        const auto begun = static_cast<std::uint16_t>(change_time + units);
        return {planner_->image(), planner_->planned()->services, clock(), begun};
    }

    /// The entry of a connection of this slot, of so many.
    [[nodiscard]] lbd::Flow entry(const std::string& service, const std::string& backend, std::uint64_t slot,
                                  std::uint8_t state = LB_FLOW_SEEN, std::uint32_t slots = slot_count) const {
        const std::uint64_t first = ((slot << 32) + slots - 1) / slots;
        const auto tag = static_cast<std::uint32_t>((first + 15) / 16 * 16);
        return {.dest = *planner_->image().ids.at(service).current(backend), .tag = tag, .time = 0, .state = state};
    }

    [[nodiscard]] std::uint32_t line(const Service& service, std::uint16_t port = 80) const {
        return planner_->image().vips.at({service.vip, 6, port}).transition;
    }
    [[nodiscard]] lbd::TablePlace table(const Service& service) const {
        const lb_service& value = planner_->image().vips.at({service.vip, 6, 80});
        return {.line = value.ring, .size = value.ring_size};
    }
    [[nodiscard]] SlotSet moving(const Service& service, std::uint16_t port = 80) const {
        return moving_ones(lbd::read_slots(maps().transition(line(service, port))));
    }
    /// As if a packet had just been sent to the former backend of the slot.
    void use(const Service& service, std::uint32_t slot, std::uint16_t time) {
        lbd::Slots slots = lbd::read_slots(maps().transition(line(service)));
        slots.used.at(slot) = time;
        lbd::write_slots(maps().transition(line(service)), slots);
    }

    [[nodiscard]] static lbd::ImageMaps& maps() { return loaded().maps(); }
    [[nodiscard]] static const lbd::FlowClock& clock() { return loaded().flows().clock(); }

  private:
    static constexpr lbd::Limits limits{
        .vips4 = 16, .vips6 = 16, .ring_lines = 1024, .transition_lines = 1024, .dests = 256};

    /// Shared by all tests, as verification is slow.
    static lbd::Datapath& loaded() {
        static lbd::Datapath datapath = [] {
            lbd::Config config;
            config.interfaces = {"lo"};
            config.flows.entries = 1 << 10;
            auto loaded = lbd::Datapath::load(lbd::build_for(config, {}, limits), {});
            if (!loaded) throw std::runtime_error(loaded.error().message());
            return *std::move(loaded);
        }();
        return datapath;
    }
    void take(lbd::Image next) {
        ASSERT_TRUE(maps().apply(planner_->edits(next)));
        planner_->take(std::move(next));
    }

    std::optional<lbd::Planner> planner_;
};

TEST_F(SlotWatch, WithoutSlotsInTransitionThereIsNothingToWatch) {
    const Service web = service_of("web", 1, {"1"});
    change({web});
    lbd::SlotWatch watch = begin();
    EXPECT_TRUE(watch.empty());
    watch.see(entry("web", "1", 5), maps());
    EXPECT_TRUE(watch.settle(maps()).empty());
    EXPECT_TRUE(lbd::SlotWatch().empty());
}

TEST_F(SlotWatch, ASlotIsAwaitedWhileAnEntryNamesAnotherBackendThanTheTable) {
    const Service web = service_of("web", 1, {"1"});
    change({web});
    change({all_moved(web)});
    ASSERT_EQ(moving(web).size(), slot_count);
    lbd::SlotWatch watch = begin();
    EXPECT_FALSE(watch.empty());
    watch.see(entry("web", "1", 5), maps());
    watch.see(entry("web", "1", slot_count - 1), maps());
    watch.see(entry("web", "2", 6), maps());
    watch.see({.dest = 200, .tag = entry("web", "1", 7).tag, .time = 0, .state = 0}, maps());
    watch.see({.dest = 0, .tag = entry("web", "1", 8).tag, .time = 0, .state = 0}, maps());
    EXPECT_TRUE(watch.settle(maps()).empty());
    EXPECT_EQ(moving(web), (SlotSet{5, slot_count - 1}));

    watch = begin();
    watch.see(entry("web", "1", 5), maps());
    EXPECT_TRUE(watch.settle(maps()).empty());
    EXPECT_EQ(moving(web), SlotSet{5});

    EXPECT_EQ(begin().settle(maps()), std::vector{line(web)});
    EXPECT_EQ(moving(web), SlotSet{5}) << "the plan ends it, for all that use it";
}

TEST_F(SlotWatch, ASlotWhoseFormerBackendIsInUseGoesOn) {
    const Service web = service_of("web", 1, {"1"});
    change({web});
    change({all_moved(web)});
    const std::uint16_t idle = clock().units(web.idle);
    EXPECT_TRUE(begin(idle).settle(maps()).empty());
    EXPECT_EQ(moving(web).size(), slot_count) << "the change counts as a use";
    use(web, 7, change_time + 1);
    use(web, 8, static_cast<std::uint16_t>(change_time + idle + 9));
    EXPECT_TRUE(begin(static_cast<std::uint16_t>(idle + 1)).settle(maps()).empty());
    EXPECT_EQ(moving(web), (SlotSet{7, 8})) << "8: since the round began";
}

TEST_F(SlotWatch, AnEntryOfFragmentsAwaitsNothing) {
    const Service web = service_of("web", 1, {"1"});
    change({web});
    change({all_moved(web)});
    lbd::SlotWatch watch = begin();
    watch.see(entry("web", "1", 5, LB_FLOW_CLOSING), maps());
    watch.see(entry("web", "1", 6, LB_FLOW_CLOSING | LB_FLOW_SEEN), maps());
    watch.see(entry("web", "1", 7, 0), maps());
    EXPECT_TRUE(watch.settle(maps()).empty());
    EXPECT_EQ(moving(web), (SlotSet{6, 7}));
}

TEST_F(SlotWatch, EntriesOfServicesThatAreSettledAwaitNothing) {
    const Service web = service_of("web", 1, {"1"}), quiet = service_of("quiet", 2, {"1", "3"});
    change({web, quiet});
    change({all_moved(web), quiet});
    EXPECT_EQ(line(quiet), 0U);
    lbd::SlotWatch watch = begin();
    for (std::uint32_t slot = 0; slot < slot_count; ++slot)
        for (const char* backend : {"1", "3"}) watch.see(entry("quiet", backend, slot), maps());
    EXPECT_EQ(watch.settle(maps()), std::vector{line(web)});
}

TEST_F(SlotWatch, ServicesThatShareSlotsAwaitThemTogether) {
    const Service web = service_of("web", 1, {"1"}), dns = service_of("dns", 2, {"1"}),
                  ntp = service_of("ntp", 3, {"1"});
    Service patient = all_moved(dns);
    patient.idle = 3600s;
    change({web, dns, ntp});
    change({all_moved(web), patient, all_moved(ntp)});
    ASSERT_EQ(line(web), line(dns));
    ASSERT_EQ(line(web), line(ntp));
    const std::uint16_t idle = clock().units(patient.idle);
    ASSERT_GT(idle, clock().units(web.idle) + 1);
    EXPECT_TRUE(begin(idle).settle(maps()).empty()) << "the longest idle time is that of all";
    EXPECT_EQ(moving(web).size(), slot_count);

    lbd::SlotWatch watch = begin(static_cast<std::uint16_t>(idle + 1));
    watch.see(entry("web", "1", 5), maps());
    watch.see(entry("dns", "1", 9), maps());
    watch.see(entry("dns", "2", 10), maps());
    EXPECT_TRUE(watch.settle(maps()).empty());
    EXPECT_EQ(moving(web), (SlotSet{5, 9}));
    EXPECT_EQ(begin(static_cast<std::uint16_t>(idle + 1)).settle(maps()), std::vector{line(web)}) << "once";
}

TEST_F(SlotWatch, AnEntryAwaitsItsSlotOfEachPortOfTheService) {
    Service web = service_of("web", 1, {"1"}), tls = service_of("tls", 1, {"3"});
    tls.ports = {{lbd::Protocol::tcp, 443}};
    change({web, tls});
    // Both ports become those of one service, from another backend each. Nobody knows which one a connection uses.
    Service both = service_of("web", 1, {"2"});
    both.ports = {{lbd::Protocol::tcp, 80}, {lbd::Protocol::tcp, 443}};
    for (const char* host : {"1", "3"}) {
        both.backends.push_back(service_of("", 1, {host}).backends[0]);
        both.backends.back().state = lbd::BackendState::drain;
    }
    change({both});
    ASSERT_NE(line(both), line(both, 443));
    ASSERT_EQ(moving(both).size(), slot_count);
    ASSERT_EQ(moving(both, 443).size(), slot_count);
    lbd::SlotWatch watch = begin();
    watch.see(entry("web", "1", 5), maps());
    watch.see(entry("web", "3", 6), maps());
    watch.see(entry("web", "2", 7), maps());
    EXPECT_TRUE(watch.settle(maps()).empty());
    EXPECT_EQ(moving(both), (SlotSet{5, 6}));
    EXPECT_EQ(moving(both, 443), (SlotSet{5, 6}));
}

TEST_F(SlotWatch, AnEntryFromBeforeASplitAwaitsItsSlotOfEachPart) {
    Service both = service_of("web", 1, {"1"});
    both.ports = {{lbd::Protocol::tcp, 80}, {lbd::Protocol::tcp, 443}};
    const Service elsewhere = service_of("elsewhere", 2, {"1"});
    change({both, elsewhere});
    const Service web = all_moved(service_of("web", 1, {}));
    Service tls = service_of("tls", 1, {"1", "3"});
    tls.ports = {{lbd::Protocol::tcp, 443}};
    tls.backends[0].state = lbd::BackendState::drain;
    change({web, tls, elsewhere});
    ASSERT_NE(line(web), line(tls, 443));
    ASSERT_EQ(moving(tls, 443).size(), slot_count);
    lbd::SlotWatch watch = begin();
    watch.see(entry("web", "1", 5), maps());
    watch.see(entry("web", "2", 6), maps());
    watch.see(entry("elsewhere", "1", 7), maps());
    EXPECT_TRUE(watch.settle(maps()).empty());
    EXPECT_EQ(moving(tls, 443), SlotSet{5}) << "it may be of port 443, where backend 1 has an id of its own";
    EXPECT_EQ(moving(web), SlotSet{5});
}

TEST_F(SlotWatch, SlotsOfAStickyServiceEndTogetherAndAwaitNoEntry) {
    Service web = service_of("web", 1, {"1"});
    change({web});
    web.sticky = true;
    change({all_moved(web)});
    ASSERT_EQ(moving(web).size(), slot_count);
    use(web, 7, change_time + 500);
    lbd::SlotWatch watch = begin(501);
    watch.see(entry("web", "1", 5), maps());
    EXPECT_TRUE(watch.settle(maps()).empty());
    EXPECT_EQ(moving(web).size(), slot_count);
    watch = begin();
    watch.see(entry("web", "1", 5), maps());
    EXPECT_EQ(watch.settle(maps()), std::vector{line(web)});
}

TEST_F(SlotWatch, SlotsOfATableOfAnotherSizeEndTogether) {
    constexpr std::uint32_t more = 211;
    Service web = service_of("web", 1, {"1", "2"});
    change({web});
    web.table_size = more;
    change({web});
    ASSERT_EQ(moving(web).size(), slot_count) << "as many slots as before";
    const lbd::TablePlace at = table(web);
    ASSERT_EQ(at.size, more);
    const auto table = maps().ring(at.line, at.size);

    // All are where the present table says.
    lbd::SlotWatch watch = begin();
    for (std::uint32_t slot = 0; slot < more; ++slot)
        watch.see(entry("web", table[slot] == 0 ? "1" : "2", slot, LB_FLOW_SEEN, more), maps());
    EXPECT_EQ(watch.settle(maps()), std::vector{line(web)});
    // All but one.
    watch = begin();
    watch.see(entry("web", table[9] == 0 ? "2" : "1", 9, LB_FLOW_SEEN, more), maps());
    EXPECT_TRUE(watch.settle(maps()).empty());
    EXPECT_EQ(moving(web).size(), slot_count);
}

TEST_F(SlotWatch, WithoutATableEachEntryIsAwaited) {
    Service web = service_of("web", 1, {"1"});
    change({web});
    web.backends[0].state = lbd::BackendState::drain;
    change({web});
    ASSERT_EQ(moving(web).size(), slot_count);
    lbd::SlotWatch watch = begin();
    watch.see(entry("web", "1", 5), maps());
    EXPECT_TRUE(watch.settle(maps()).empty());
    EXPECT_EQ(moving(web).size(), slot_count) << "all or none";
}

}  // namespace
}  // namespace culvert::packet
