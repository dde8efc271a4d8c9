// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
// gtest comes first: rapidcheck's header extends it
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "lbd/model/cure.hpp"
#include "lbd/model/owners.hpp"
#include "lbd/plan/ids.hpp"
#include "lbd/plan/maglev.hpp"
#include "lbd/plan/plan.hpp"
#include "lbd/plan/template.hpp"
#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

Backend backend(const std::string& name, std::uint16_t weight = 1) {
    return {.name = name, .address = address(name), .encap = Ipip{}, .weight = weight};
}

Service service(const std::string& name, const std::string& vip, std::vector<Backend> backends) {
    return {.name = name,
            .vip = address(vip),
            .ports = {{Protocol::tcp, 80}},
            .table_size = 101,
            .backends = std::move(backends)};
}

/// Every backend has its own MAC address.
Hops hops_of(const std::vector<Service>& services) {
    Hops hops;
    for (const Service& service : services)
        for (const Backend& backend : service.backends) {
            const auto bytes = backend.address.bytes();
            hops[backend.address] = NextHop{.ifindex = 2,
                                            .source = *netlink::MacAddress::parse("02:00:00:00:00:01"),
                                            .destination = {{2, bytes[0], bytes[1], bytes[2], bytes[3], 0}},
                                            .from = address("10.0.0.1")};
        }
    return hops;
}

Image planned(const std::vector<Service>& services, const Image& before = {}) {
    auto image = plan(services, hops_of(services), before, {});
    EXPECT_TRUE(image) << image.error().message();
    return image ? *std::move(image) : Image{};
}

lb_dest_body body_of(const Service& service, const Backend& backend) {
    return make_body(backend.encap, service.vip.family(), backend.address, *hops_of({service}).at(backend.address));
}

const lb_service& value_of(const Image& image, const Service& service) {
    return image.vips.at({service.vip, 6, service.ports.at(0).port});
}

/// The maps, as packets see them while they are edited one by one.
class Maps {
  public:
    void apply(const Edit& edit) {
        std::visit([this](const auto& one) { run(one); }, edit);
        check_that_packets_find_their_way();
    }

    void expect_equal(const Image& image) const {
        EXPECT_EQ(vips_, image.vips);
        for (const auto& [key, table] : image.tables)
            EXPECT_EQ(rings_.at(table.line), maglev_table(table.ring.contenders, table.ring.size));
        EXPECT_EQ(ids_of(owners_), image.ids);
        for (const auto& [id, body] : image.dests) EXPECT_EQ(dest(id), body) << "id " << id;
        for (const auto& [id, body] : dests_)
            EXPECT_TRUE(image.dests.contains(id) || body.action == LB_ACTION_NONE) << "id " << id;
    }

    /// What a plan needs to know beside the image.
    [[nodiscard]] Present present() const {
        return {.table = [this](const TablePlace& place) { return MaglevTable(rings_.at(place.line)); },
                .slots = [this](std::uint32_t line) { return transitions_.at(line); }};
    }

  private:
    struct Seen {
        std::uint32_t line, size, base;
        auto operator<=>(const Seen&) const = default;
    };

    void run(const SetOwner& edit) { owners_[edit.id] = edit.owner; }
    void run(const RemoveOwner& edit) { owners_.erase(edit.id); }
    void run(const SetDest& edit) {
        EXPECT_TRUE(edit.body.action == LB_ACTION_NONE || owners_.contains(edit.id)) << "id " << edit.id;
        EXPECT_TRUE(written_.insert(edit.id).second) << "id " << edit.id << " is written twice without a pause";
        dests_[edit.id] = edit.body;
    }
    void run(const WriteRing& edit) {
        const auto end = edit.line + lines(static_cast<std::uint32_t>(edit.table.size()));
        for (const Seen& seen : seen_)
            EXPECT_TRUE(end <= seen.line || edit.line >= seen.line + lines(seen.size))
                << "line " << edit.line << " is written while packets may read it";
        rings_[edit.line] = edit.table;
    }
    void run(const WriteTransition& edit) {
        const auto end = edit.line + lb_transition_lines(static_cast<std::uint32_t>(edit.slots.size()));
        for (const auto& [line, size] : seen_transitions_)
            EXPECT_TRUE(end <= line || edit.line >= line + lb_transition_lines(size))
                << "line " << edit.line << " is written while packets may read it";
        transitions_[edit.line] = edit.slots;
    }
    void run(const KeepTimes& edit) {
        EXPECT_FALSE(flipped_) << "packets still use the former slots";
        EXPECT_EQ(transitions_.at(edit.from).size(), transitions_.at(edit.to).size());
    }
    void run(const SetVips& edit) {
        EXPECT_FALSE(std::exchange(flipped_, true)) << "the other half is written while packets may read it";
        for (const VipKey& key : edit.removed) EXPECT_EQ(vips_.erase(key), 1U);
        for (const auto& [key, value] : edit.entered) vips_[key] = value;
    }
    void run(const Settle&) {
        seen_.clear();
        seen_transitions_.clear();
        written_.clear();
        flipped_ = false;
    }

    void check_that_packets_find_their_way() {
        for (const auto& [key, value] : vips_)
            if (value.ring_size != 0) seen_.insert({value.ring, value.ring_size, value.dest_base});
        for (const auto& [key, value] : vips_) {
            if (value.transition == 0) continue;
            const Slots& slots = transitions_.at(value.transition);
            seen_transitions_.emplace(value.transition, static_cast<std::uint32_t>(slots.size()));
            for (std::size_t slot = 0; slot < slots.size(); ++slot)
                if (slots.moving[slot] && slots.former[slot] != LB_NO_FORMER) {
                    EXPECT_TRUE(owners_.contains(value.dest_base + slots.former[slot])) << "slot " << slot;
                }
        }
        for (const Seen& seen : seen_) {
            ASSERT_EQ(rings_.at(seen.line).size(), seen.size);
            for (const std::uint16_t entry : rings_.at(seen.line)) {
                ASSERT_NE(dest(seen.base + entry).action, LB_ACTION_NONE);
                ASSERT_EQ(dest(seen.base + entry).flags & LB_DEST_LEFT, 0);
            }
        }
    }

    [[nodiscard]] lb_dest_body dest(std::uint32_t id) const {
        const auto it = dests_.find(id);
        return it == dests_.end() ? lb_dest_body{} : it->second;
    }

    Owners owners_;
    std::map<VipKey, lb_service> vips_;
    std::map<std::uint32_t, std::vector<std::uint16_t>> rings_;
    std::map<std::uint32_t, lb_dest_body> dests_;
    std::map<std::uint32_t, Slots> transitions_;
    std::map<std::uint32_t, std::uint32_t> seen_transitions_;  // lines and slots that packets under way may have read
    std::set<Seen> seen_;                                      // values that packets under way may have read
    std::set<std::uint32_t> written_;                          // destinations since the last pause
    bool flipped_ = false;                                     // since the last pause
};

TEST(Plan, ARangeOfPortsIsAnEntryForEach) {
    Service web = service("web", "192.0.2.1", {backend("10.0.0.2")});
    web.ports = {{Protocol::tcp, 80, 82}, {Protocol::udp, 65535}};
    const Image image = planned({web});
    EXPECT_EQ(image.vips.size(), 1U + 3U + 1U);
    for (std::uint16_t port = 80; port <= 82; ++port) EXPECT_EQ(image.vips.at({web.vip, 6, port}).ring_size, 101U);
    EXPECT_TRUE(image.vips.contains({web.vip, 17, 65535}));
}

TEST(Plan, AStickyServiceSaysSo) {
    Service web = service("web", "192.0.2.1", {backend("10.0.0.2")});
    EXPECT_EQ(value_of(planned({web}), web).flags, 0U);
    web.sticky = true;
    EXPECT_EQ(value_of(planned({web}), web).flags, std::uint32_t{LB_SERVICE_STICKY} | LB_SERVICE_EACH);
}

TEST(Plan, ANetworkIsAVipOfItsOwn) {
    Service wide = service("wide", "192.0.2.0", {backend("10.0.0.2")}), narrow = wide;
    wide.vip = *netlink::Prefix::parse("192.0.2.0/24");
    narrow.name = "narrow";
    const Image image = planned({wide, narrow});
    EXPECT_NE(value_of(image, wide).dest_base, value_of(image, narrow).dest_base);
}

TEST(Plan, AVipWithTwoBackends) {
    const auto web = service("web", "192.0.2.1", {backend("10.0.0.2"), backend("10.0.0.3")});
    const Image image = planned({web});

    const lb_service& value = value_of(image, web);
    EXPECT_EQ(value.ring_size, 101U);
    EXPECT_GE(value.dest_base, 1U);
    EXPECT_EQ(image.dests.at(value.dest_base), body_of(web, web.backends[0]));
    EXPECT_EQ(image.dests.at(value.dest_base + 1), body_of(web, web.backends[1]));
    EXPECT_EQ(image.vips.at({web.vip, 0, 0}), lb_service{});
    EXPECT_EQ(image.vips.size(), 2U);
}

TEST(Plan, EveryPortLeadsToTheSameBackends) {
    auto dns = service("dns", "2001:db8::1", {backend("10.0.0.2")});
    dns.ports = {{Protocol::udp, 53}, {Protocol::tcp, 53}, {Protocol::tcp, 0}};
    const Image image = planned({dns});
    EXPECT_EQ(image.vips.size(), 4U);
    lb_service udp = image.vips.at({dns.vip, 17, 53});
    EXPECT_EQ(std::exchange(udp.flags, 0), std::uint32_t{LB_SERVICE_EACH});
    EXPECT_EQ(udp, image.vips.at({dns.vip, 6, 53}));
    EXPECT_EQ(udp, image.vips.at({dns.vip, 6, 0}));
}

TEST(Plan, ServicesWithAlikeBackendsShareATable) {
    const auto a = service("a", "192.0.2.1", {backend("10.0.0.2"), backend("10.0.0.3")});
    const auto b = service("b", "192.0.2.2", {backend("10.0.0.3"), backend("10.0.0.2")});
    const auto c = service("c", "192.0.2.3", {backend("10.0.0.2"), backend("10.0.0.3", 7)});
    const Image image = planned({a, b, c});
    EXPECT_EQ(value_of(image, a).ring, value_of(image, b).ring);
    EXPECT_NE(value_of(image, a).dest_base, value_of(image, b).dest_base);
    EXPECT_NE(value_of(image, a).ring, value_of(image, c).ring);
    EXPECT_EQ(image.tables.size(), 2U);
}

TEST(Plan, DrainedAndWeightlessBackendsKeepTheirFlowsOnly) {
    auto web = service("web", "192.0.2.1", {backend("10.0.0.2"), backend("10.0.0.3", 0), backend("10.0.0.4")});
    web.backends[2].state = BackendState::drain;
    const Image image = planned({web});
    ASSERT_EQ(image.tables.size(), 1U);
    EXPECT_EQ(image.tables.begin()->second.ring.contenders, (std::vector<Contender>{{0, "10.0.0.2", 1}}));
    for (const std::uint32_t i : {0U, 1U, 2U})
        EXPECT_EQ(image.dests.at(value_of(image, web).dest_base + i).action, LB_ACTION_ENCAP);
}

TEST(Plan, WithoutActiveBackendsThereIsNoTable) {
    const auto web = service("web", "192.0.2.1", {backend("10.0.0.2", 0)});
    const Image image = planned({web});
    EXPECT_EQ(value_of(image, web).ring_size, 0U);
    EXPECT_TRUE(image.tables.empty());
}

TEST(Plan, AnUnreachableBackendDropsForItsReason) {
    const auto web = service("web", "192.0.2.1", {backend("10.0.0.2"), backend("10.0.0.3")});
    Hops hops = hops_of({web});
    hops[address("10.0.0.3")] = tl::unexpected(LB_DROP_NO_NEIGHBOUR);
    const auto image = plan({web}, hops, {}, {});
    ASSERT_TRUE(image);
    EXPECT_EQ(image->dests.at(value_of(*image, web).dest_base + 1), drop_body(LB_DROP_NO_NEIGHBOUR));
}

TEST(Plan, ABackendKeepsItsIdWhenOthersComeAndGo) {
    const auto before = service("web", "192.0.2.1", {backend("10.0.0.2"), backend("10.0.0.4")});
    const auto after = service("web", "192.0.2.1", {backend("10.0.0.1"), backend("10.0.0.4")});
    const Image first = planned({before});
    const Image second = planned({after}, first);
    EXPECT_EQ(second.ids.at("web").current("10.0.0.4"), first.ids.at("web").current("10.0.0.4"));
    EXPECT_FALSE(second.dests.contains(*first.ids.at("web").current("10.0.0.2")));
    EXPECT_NE(second.ids.at("web").current("10.0.0.1"), first.ids.at("web").current("10.0.0.2"));

    const Image third = planned({before}, second);
    EXPECT_EQ(third.ids.at("web").current("10.0.0.2"), first.ids.at("web").current("10.0.0.2"));
}

TEST(Plan, AServiceThatOutgrowsItsBlockKeepsTheOldIdsForItsFlows) {
    std::vector<Backend> backends{backend("10.0.0.2")};
    const Image first = planned({service("web", "192.0.2.1", backends), service("next", "192.0.2.2", backends)});
    for (int i = 3; i < 20; ++i) backends.push_back(backend("10.0.0." + std::to_string(i)));
    const auto grown = service("web", "192.0.2.1", backends);
    const Image second = planned({grown}, first);

    const auto old_id = *first.ids.at("web").current("10.0.0.2");
    const auto new_id = *second.ids.at("web").current("10.0.0.2");
    EXPECT_NE(old_id, new_id);
    EXPECT_EQ(second.dests.at(old_id), body_of(grown, backends[0]));
    EXPECT_EQ(second.dests.at(new_id), body_of(grown, backends[0]));
}

TEST(Plan, AFullMapIsAnError) {
    const auto web = service("web", "192.0.2.1", {backend("10.0.0.2")});
    const auto expect_full = [&](const Limits& limits, const std::string& message) {
        const auto image = plan({web}, hops_of({web}), {}, limits);
        ASSERT_FALSE(image);
        EXPECT_EQ(image.error().message(), message);
    };
    constexpr auto cure = " (restart lbd: it then forgets backends that are gone and have no flows)";
    expect_full({.vips4 = 1},
                std::string("plan IPv4 VIPs: No space left on device: the map has room for 1 ports") + cure);
    expect_full(
        {.ring_lines = 4},
        std::string("plan a table of 101 entries: No space left on device: the map has room for 128 entries") + cure);
    expect_full({.dests = 4},
                std::string("assign destination ids service web: No space left on device: the map has 4") + cure);
}

TEST(Plan, WhatNobodyUsesMakesRoomAfterARestart) {
    SCOPED_TRACE("cure of maps_full");
    std::vector<Backend> backends;
    for (int i = 1; i <= 10; ++i) backends.push_back(backend("10.0.0." + std::to_string(i)));
    const Service former = service("former", "192.0.2.1", backends), next = service("next", "192.0.2.2", backends);
    Image gone = planned({}, planned({former}));
    const Limits limits{.dests = 24};
    const auto full = plan({next}, hops_of({next}), gone, limits);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().cure, cure_of("maps_full"));
    gone.ids = forget_unused(gone.ids, {next}, [](std::uint32_t) { return false; });
    EXPECT_TRUE(plan({next}, hops_of({next}), gone, limits));
}

TEST(Plan, LimitsLeaveRoomForTwice) {
    EXPECT_EQ(
        limits_for({}),
        (Limits{.vips4 = 1024, .vips6 = 1024, .ring_lines = 1U << 16, .transition_lines = 1U << 14, .dests = 4096}));
    std::vector<Service> services;
    for (int i = 0; i < 1000; ++i) {
        const std::string vip = "192.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
        services.push_back(service(vip, vip, {backend("10.0.0.2"), backend("10.0.0.3")}));
    }
    EXPECT_EQ(
        limits_for(planned(services)),
        (Limits{.vips4 = 4096, .vips6 = 1024, .ring_lines = 1U << 16, .transition_lines = 1U << 14, .dests = 8192}));
}

TEST(Diff, NothingToDoMakesNoEdits) {
    const Image image = planned({service("web", "192.0.2.1", {backend("10.0.0.2")})});
    EXPECT_TRUE(diff(image, image).empty());
    EXPECT_TRUE(diff(image, planned({service("web", "192.0.2.1", {backend("10.0.0.2")})}, image)).empty());
}

TEST(Diff, ANewMacIsOneEdit) {
    const auto web = service("web", "192.0.2.1", {backend("10.0.0.2"), backend("10.0.0.3")});
    const Image before = planned({web});
    Hops hops = hops_of({web});
    hops[address("10.0.0.3")]->destination = *netlink::MacAddress::parse("02:00:00:00:00:99");
    const auto edits = diff(before, *plan({web}, hops, before, {}));
    ASSERT_EQ(edits.size(), 2U);
    EXPECT_EQ(std::get<SetDest>(edits[0]).id, *before.ids.at("web").current("10.0.0.3"));
    EXPECT_TRUE(std::holds_alternative<Settle>(edits[1]));
}

TEST(Diff, ARemovedServiceLosesItsVipFirst) {
    const Image before = planned({service("web", "192.0.2.1", {backend("10.0.0.2")})});
    const auto edits = diff(before, planned({}, before));
    ASSERT_EQ(edits.size(), 4U);
    EXPECT_EQ(std::get<SetVips>(edits[0]).removed.size(), 2U);
    EXPECT_TRUE(std::holds_alternative<Settle>(edits[1]));
    EXPECT_EQ(std::get<SetDest>(edits[2]).body, lb_dest_body{});
    EXPECT_TRUE(std::holds_alternative<Settle>(edits[3]));
}

/// The image once its edits have been made.
Image at_rest(Image image) {
    for (auto& [line, transition] : image.transitions) transition.because.reset();
    return image;
}

/// Up to five services with up to 28 backends.
std::vector<Service> services_of(const std::vector<std::tuple<int, int, std::uint16_t>>& chosen) {
    std::map<int, std::map<int, std::uint16_t>> weights;
    for (const auto& [vip, host, weight] : chosen) weights[vip][host] = weight;
    std::vector<Service> services;
    for (const auto& [vip, backends] : weights) {
        services.push_back(service("s" + std::to_string(vip), "192.0.2." + std::to_string(vip), {}));
        for (const auto& [host, weight] : backends)
            services.back().backends.push_back(backend("10.0.0." + std::to_string(host), weight));
    }
    return services;
}

RC_GTEST_PROP(Diff, NoPacketSeesHalfAService, ()) {
    // Small maps, so that freed ids are used again.
    const Limits limits{.vips4 = 64, .vips6 = 1, .ring_lines = 60, .transition_lines = 200, .dests = 4096};
    Maps maps;
    Image image;
    const auto any_services =
        rc::gen::map(rc::gen::container<std::vector<std::tuple<int, int, std::uint16_t>>>(rc::gen::tuple(
                         rc::gen::inRange(1, 6), rc::gen::inRange(2, 30), rc::gen::inRange<std::uint16_t>(0, 4))),
                     services_of);
    const auto any_history = rc::gen::scale(0.6, rc::gen::container<std::vector<std::vector<Service>>>(any_services));
    for (const auto& services : *any_history) {
        const auto next = plan(services, hops_of(services), image, limits);
        RC_ASSERT(next.has_value());
        for (const Edit& edit : diff(image, *next, maps.present())) maps.apply(edit);
        maps.expect_equal(*next);
        // The destination stored for a flow still leads to its backend, or to none.
        for (const auto& [name, ids] : image.ids)
            for (const auto& [id, backend] : ids.backends) RC_ASSERT(next->ids.at(name).backends.at(id) == backend);
        image = at_rest(*next);
    }
}

/// The list, with services from `known` in place of equal ones.
Services shared_with(const Services& known, const std::vector<Service>& services) {
    Services list;
    for (const Service& service : services) {
        const auto same = std::ranges::find(known.shared(), service, [](const auto& one) { return *one; });
        list.push_back(same == known.shared().end() ? std::make_shared<const Service>(service) : *same);
    }
    return list;
}

RC_GTEST_PROP(Replan, IsAsIfAllWerePlanned, ()) {
    const Limits limits{.vips4 = 64, .vips6 = 1, .ring_lines = 60, .transition_lines = 200, .dests = 4096};
    Maps maps;
    Image image;
    Services present;
    Hops hops;
    Health health;
    const int steps = *rc::gen::inRange(1, 12);
    for (int step = 0; step < steps; ++step) {
        auto wanted = services_of(*rc::gen::container<std::vector<std::tuple<int, int, std::uint16_t>>>(
            rc::gen::tuple(rc::gen::inRange(1, 6), rc::gen::inRange(2, 12), rc::gen::inRange<std::uint16_t>(0, 3))));
        for (Service& service : wanted) {
            service.health = HealthCheck{};
            service.ports = {{Protocol::tcp, *rc::gen::inRange<std::uint16_t>(80, 83)}};
            // Some share a VIP, each with its own port.
            if (service.name == "s2") service.vip = address("192.0.2.1");
            if (service.name == "s2") service.ports = {{Protocol::udp, 53}};
        }
        const Services next = *rc::gen::arbitrary<bool>() ? shared_with(present, wanted) : present;
        Hops ways = hops_of({next.begin(), next.end()});
        for (auto& [backend, hop] : ways)
            if (*rc::gen::weightedElement<bool>({{9, false}, {1, true}})) hop = tl::unexpected(LB_DROP_NO_NEIGHBOUR);
        Health states;
        for (const Service& service : next)
            for (const Backend& backend : service.backends)
                if (*rc::gen::weightedElement<bool>({{9, false}, {1, true}}))
                    states[{service.name, backend.name}] = {.up = false};

        const auto whole = plan(next, ways, image, limits, states);
        const auto patch =
            replan(difference({present, hops, health}, {next, ways, states}), ways, image, limits, states);
        RC_ASSERT(whole.has_value());
        RC_ASSERT(patch.has_value());
        for (const Edit& edit : diff(image, *patch, maps.present())) maps.apply(edit);
        apply(*patch, image);
        RC_ASSERT(image == *whole);
        maps.expect_equal(image);
        present = next;
        hops = ways;
        health = states;
        const auto nothing = replan(difference({present, hops, health}, {next, ways, states}), ways, image, limits);
        RC_ASSERT(diff(image, *nothing).empty());
    }
}

/// Where the flows of a backend go, by its ids.
const lb_dest_body& way_of(const Image& image, std::uint32_t id) {
    static const lb_dest_body none{};
    const auto dest = image.dests.find(id);
    return dest == image.dests.end() ? none : dest->second;
}

/// Where connections to a port go that the flow table does not know, by their slots.
std::vector<lb_dest_body> ways_of_unknown(const Image& image, const Maps& maps, const VipKey& port) {
    const lb_service& value = image.vips.at(port);
    const Present present = maps.present();
    const Slots slots = value.transition != 0 ? present.slots(value.transition) : Slots(value.ring_size);
    std::vector<lb_dest_body> ways(slots.size());
    for (std::size_t slot = 0; slot < slots.size(); ++slot) {
        const std::uint16_t backend =
            slots.moving[slot] ? slots.former[slot] : present.table({value.ring, value.ring_size})[slot];
        if (backend != LB_NO_FORMER) ways[slot] = way_of(image, value.dest_base + backend);
    }
    return ways;
}

/// Services on three VIPs with up to eight backends each, and two ports, perhaps of two services. Their names change
/// with each history, their addresses do not.
Services anyhow_named(const std::vector<std::tuple<int, int, int>>& chosen, const std::vector<int>& services,
                      const std::vector<int>& backends, const std::vector<bool>& split) {
    std::map<int, Service> found;
    for (const auto& [vip, host, weight] : chosen) {
        const auto at = found.try_emplace(vip, service("s" + std::to_string(services[static_cast<std::size_t>(vip)]),
                                                       "192.0.2." + std::to_string(vip), {}));
        auto& list = at.first->second.backends;
        Backend one = backend("10.0.0." + std::to_string(host), static_cast<std::uint16_t>(weight));
        one.name = "r" + std::to_string(backends[static_cast<std::size_t>(host)]);
        if (std::ranges::find(list, one.address, &Backend::address) == list.end()) list.push_back(std::move(one));
    }
    Services list;
    for (auto& [vip, one] : found) {
        const PortSpec other{Protocol::tcp, 443};
        if (split[static_cast<std::size_t>(vip)]) {
            Service tls = one;
            tls.name = "t" + one.name;
            tls.ports = {other};
            for (Backend& backend : tls.backends) backend.weight = static_cast<std::uint16_t>((backend.weight + 1) % 3);
            list.push_back(std::move(tls));
        } else {
            one.ports.push_back(other);
        }
        list.push_back(std::move(one));
    }
    return list;
}

RC_GTEST_PROP(Replan, WhoKeepsTheAddressKeepsTheFlows, ()) {
    const Limits limits{.vips4 = 64, .vips6 = 1, .ring_lines = 60, .dests = 4096};
    const auto any_names = [](int count) {
        std::vector<int> names(static_cast<std::size_t>(count));
        for (int i = 0; i < count; ++i) names[static_cast<std::size_t>(i)] = i;
        for (std::size_t i = names.size() - 1; i > 0; --i)
            std::swap(names[i], names[*rc::gen::inRange<std::size_t>(0, i + 1)]);
        return names;
    };
    Maps maps;
    Image image;
    Services present;
    Hops hops;
    const int steps = *rc::gen::inRange(1, 12);
    for (int step = 0; step < steps; ++step) {
        const auto chosen = *rc::gen::container<std::vector<std::tuple<int, int, int>>>(
            rc::gen::tuple(rc::gen::inRange(1, 4), rc::gen::inRange(1, 9), rc::gen::inRange(0, 3)));
        const Services next = anyhow_named(chosen, any_names(4), any_names(9),
                                           *rc::gen::container<std::vector<bool>>(4, rc::gen::arbitrary<bool>()));
        const Hops ways = hops_of({next.begin(), next.end()});
        const auto patch = replan(difference({present, hops, {}}, {next, ways, {}}), ways, image, limits);
        RC_ASSERT(patch.has_value());
        const Image before = image;
        std::map<VipKey, std::vector<lb_dest_body>> unknown;
        for (const auto& [port, value] : image.vips)
            if (port.port != 0) unknown[port] = ways_of_unknown(image, maps, port);
        for (const Edit& edit : diff(image, *patch, maps.present())) maps.apply(edit);
        apply(*patch, image);
        maps.expect_equal(image);
        for (const Service& old : present)
            for (const Service& service : next) {
                if (old.vip != service.vip) continue;
                for (const Backend& was : old.backends)
                    for (const Backend& is : service.backends) {
                        if (was.address != is.address) continue;
                        const std::uint32_t id = *before.ids.at(old.name).current(was.name);
                        RC_ASSERT(way_of(image, id) == body_of(service, is));
                        for (const PortSpec& port : service.ports) {
                            const VipKey key{service.vip, 6, port.port};
                            const auto& former = unknown.at(key);
                            const auto ways_now = ways_of_unknown(image, maps, key);
                            for (std::size_t slot = 0; slot < former.size(); ++slot)
                                RC_ASSERT(!(former[slot] == body_of(old, was)) ||
                                          ways_now.at(slot) == body_of(service, is));
                        }
                    }
            }
        present = next;
        hops = ways;
    }
}

TEST(Replan, OtherNamesKeepTheIds) {
    std::vector<Backend> backends{backend("10.0.0.1"), backend("10.0.0.2"), backend("10.0.0.3")};
    const Service web = service("web", "192.0.2.1", backends);
    const Services before{web, service("dns", "192.0.2.2", backends)};
    const Hops hops = hops_of({web});
    const Image image = planned({before.begin(), before.end()});
    const auto after = [&](Services services) {
        Image next = image;
        apply(*replan(difference({before, hops, {}}, {services, hops, {}}), hops, image, {}), next);
        return next;
    };
    backends[0].name = "r1";
    backends[0].weight = 7;
    Service www = service("www", "192.0.2.1", backends);
    const Image renamed = after({www, before[1]});
    EXPECT_FALSE(renamed.ids.contains("web"));
    EXPECT_EQ(renamed.ids.at("www").base, image.ids.at("web").base);
    EXPECT_EQ(renamed.ids.at("www").current("r1"), image.ids.at("web").current("10.0.0.1"));

    // One service becomes two: its flows still find their backends.
    Service both = web;
    both.ports = {{Protocol::tcp, 80}, {Protocol::tcp, 443}};
    Service tls = web;
    tls.name = "tls";
    tls.ports = {{Protocol::tcp, 443}};
    const Image of_both = planned({both});
    const auto split = replan(difference({{both}, hops, {}}, {{www, tls}, hops, {}}), hops, of_both, {});
    ASSERT_TRUE(split);
    EXPECT_EQ(split->becomes.dests.at(*of_both.ids.at("web").current("10.0.0.1")), body_of(www, backends[0]));

    // Two become one: the ids of both lead to its backends.
    const Image of_two = planned({web, tls});
    const auto joined = replan(difference({{web, tls}, hops, {}}, {{both}, hops, {}}), hops, of_two, {});
    ASSERT_TRUE(joined);
    for (const char* name : {"web", "tls"})
        EXPECT_EQ(joined->becomes.dests.at(*of_two.ids.at(name).current("10.0.0.2")), body_of(web, backends[1]))
            << name;

    // Another VIP under another name is another service.
    EXPECT_NE(after({service("new", "192.0.2.9", backends), before[1]}).ids.at("new").base, image.ids.at("web").base);
}

TEST(Replan, TakesCareOfTheServicesThatChangeAlone) {
    const Services before{service("a", "192.0.2.1", {backend("10.0.0.2")}),
                          service("b", "192.0.2.2", {backend("10.0.0.2")})};
    Services after = before;
    after.replace(1, service("b", "192.0.2.2", {backend("10.0.0.2"), backend("10.0.0.3")}));
    const Hops hops = hops_of({after.begin(), after.end()});
    const Image image = planned({before.begin(), before.end()});
    const Change change = difference({before, hops, {}}, {after, hops, {}});
    ASSERT_EQ(change.come.size(), 1U);
    EXPECT_EQ(change.gone.front().backends.size(), 1U);
    EXPECT_EQ(change.come.front().backends.size(), 2U);
    const auto patch = replan(change, hops, image, {});
    ASSERT_TRUE(patch);
    EXPECT_EQ(patch->becomes.vips.size(), 2U);
    EXPECT_EQ(patch->becomes.ids.size(), 1U);
}

/// The content of the maps when these backends of service "web" are down.
Image planned_without(const Service& service, const std::set<std::string>& down, const Image& before = {}) {
    Health health;
    for (const std::string& name : down) health[{service.name, name}] = {.up = false};
    return *plan({service}, hops_of({service}), before, {}, health);
}

std::vector<std::string> names(const Image& image) {
    std::vector<std::string> names;
    for (const auto& [digest, table] : image.tables)
        for (const Contender& contender : table.ring.contenders) names.push_back(contender.name);
    return names;
}

std::vector<std::uint32_t> weights(const Image& image) {
    std::vector<std::uint32_t> weights;
    for (const auto& [digest, table] : image.tables)
        for (const Contender& contender : table.ring.contenders) weights.push_back(contender.weight);
    return weights;
}

Service checked_service() {
    Service web = service("web", "192.0.2.1", {backend("10.0.0.1"), backend("10.0.0.2"), backend("10.0.0.3")});
    web.health = HealthCheck{};
    return web;
}

TEST(PlanHealth, WhoIsDownTakesNoNewFlowsAndItsFlowsMove) {
    const Service web = checked_service();
    const Image before = planned({web});
    const Image after = planned_without(web, {"10.0.0.2"}, before);
    EXPECT_EQ(names(after), (std::vector<std::string>{"10.0.0.1", "10.0.0.3"}));
    const ServiceIds& ids = after.ids.at("web");
    for (const Backend& one : web.backends) {
        const lb_dest_body& body = after.dests.at(*ids.current(one.name));
        EXPECT_EQ(body.flags & LB_DEST_LEFT, one.name == "10.0.0.2" ? LB_DEST_LEFT : 0);
        EXPECT_EQ(body.action, LB_ACTION_ENCAP) << "probes still go there";
    }

    Maps maps;
    for (const Edit& edit : diff({}, before)) maps.apply(edit);
    for (const Edit& edit : diff(before, after, maps.present())) maps.apply(edit);
    maps.expect_equal(after);
    for (const Edit& edit : diff(after, before)) maps.apply(edit);
    maps.expect_equal(before);
}

TEST(PlanHealth, FlowsOfWhoIsDownAreKeptOnRequest) {
    Service web = checked_service();
    web.health->on_failure = OnFailure::keep;
    const Image image = planned_without(web, {"10.0.0.2"});
    EXPECT_EQ(names(image), (std::vector<std::string>{"10.0.0.1", "10.0.0.3"}));
    auto wanted = planned({web}).dests;
    wanted.at(2).flags |= LB_DEST_DOWN;  // for the next lbd
    EXPECT_EQ(image.dests, wanted);
}

TEST(PlanHealth, BelowTheMinimumTheServiceIsDown) {
    Service web = checked_service();
    web.health->minimum = 2;
    EXPECT_EQ(value_of(planned_without(web, {"10.0.0.1"}), web).flags & LB_SERVICE_DOWN, 0);
    const lb_service down = value_of(planned_without(web, {"10.0.0.1", "10.0.0.2"}), web);
    EXPECT_EQ(down.flags & LB_SERVICE_DOWN, LB_SERVICE_DOWN);
    EXPECT_EQ(down.ring_size, 0);
}

TEST(PlanHealth, TheSorryBackendAnswersOnlyWhileTheServiceIsDown) {
    Service web = checked_service();
    web.backends.back().state = BackendState::sorry;
    EXPECT_EQ(names(planned({web})), (std::vector<std::string>{"10.0.0.1", "10.0.0.2"}));
    EXPECT_EQ(names(planned_without(web, {"10.0.0.1"})), std::vector<std::string>{"10.0.0.2"});
    EXPECT_EQ(names(planned_without(web, {"10.0.0.1", "10.0.0.2"})), std::vector<std::string>{"10.0.0.3"});
    EXPECT_EQ(names(planned_without(web, {"10.0.0.1", "10.0.0.2", "10.0.0.3"})), std::vector<std::string>{});
}

TEST(PlanHealth, UdpLeavesTheSorryBackendWhileOthersAnswer) {
    Service web = checked_service();
    web.backends.back().state = BackendState::sorry;
    const auto marked = [&](const std::set<std::string>& down) {
        std::vector<std::string> names;
        const Image image = planned_without(web, down);
        for (const Backend& one : web.backends)
            if ((image.dests.at(*image.ids.at("web").current(one.name)).flags & LB_DEST_SORRY) != 0)
                names.push_back(one.name);
        return names;
    };
    const std::vector<std::string> sorry{"10.0.0.3"};
    EXPECT_EQ(marked({}), sorry);
    EXPECT_EQ(marked({"10.0.0.1"}), sorry);
    EXPECT_EQ(marked({"10.0.0.1", "10.0.0.2"}), std::vector<std::string>{});
    web.health->minimum = 2;
    EXPECT_EQ(marked({"10.0.0.1"}), std::vector<std::string>{});
    EXPECT_EQ(marked({}), sorry);
    web.backends.back().state = BackendState::drained_sorry;
    EXPECT_EQ(marked({}), sorry);
    EXPECT_EQ(names(planned_without(web, {"10.0.0.1", "10.0.0.2"})), std::vector<std::string>{});
    web.backends.back().state = BackendState::sorry;
    web.health.reset();
    for (const std::size_t i : {0U, 1U}) web.backends[i].weight = 0;
    EXPECT_EQ(names(planned({web})), sorry);
    EXPECT_EQ(marked({}), std::vector<std::string>{}) << "the others take no flows";
    web.backends[0].weight = 1;
    EXPECT_EQ(marked({}), sorry);

    Service dns = web;
    dns.name = "dns";
    dns.vip = address("192.0.2.53");
    dns.backends[0].weight = 0;
    const Image both = planned({web, dns});
    EXPECT_NE(both.dests.at(*both.ids.at("web").current("10.0.0.3")).flags & LB_DEST_SORRY, 0);
    EXPECT_EQ(both.dests.at(*both.ids.at("dns").current("10.0.0.3")).flags & LB_DEST_SORRY, 0)
        << "it stands in for one service, not for the other";
}

TEST(PlanHealth, ASlowStartIsAPartOfTheWeight) {
    Service web = checked_service();
    web.backends[1].weight = 3;
    Health health;
    health[{"web", "10.0.0.2"}] = {.up = true, .percent = 10};
    EXPECT_EQ(weights(*plan({web}, hops_of({web}), {}, {}, health)), (std::vector<std::uint32_t>{100, 30, 100}));
    health[{"web", "10.0.0.2"}] = {};
    EXPECT_EQ(weights(*plan({web}, hops_of({web}), {}, {}, health)), (std::vector<std::uint32_t>{1, 3, 1}))
        << "then the table is the same as on all balancers";
}

}  // namespace
}  // namespace culvert::lbd
