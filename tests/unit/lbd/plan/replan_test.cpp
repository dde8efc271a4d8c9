// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <netinet/in.h>
// gtest comes first: rapidcheck's header extends it
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lbd/plan/plan.hpp"
#include "tests/unit/lbd/address.hpp"
#include "tests/unit/lbd/plan/maps.hpp"
#include "tests/unit/lbd/plan/services.hpp"

namespace culvert::lbd {
namespace {

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

// The new service shares the table of the former one, in which the same names are those of other backends now.
TEST(Replan, APortIsInTransitionIfItsTableNamesOtherBackends) {
    Service both = service("web", "192.0.2.1", {backend("10.0.0.1"), backend("10.0.0.2")});
    both.backends[0].name = "a";
    both.backends[1].name = "b";
    both.ports = {{Protocol::tcp, 80}, {Protocol::tcp, 443}};
    Service tls = both;
    tls.name = "tls";
    tls.ports = {{Protocol::tcp, 443}};
    std::swap(tls.backends[0].name, tls.backends[1].name);
    Service web = tls;
    web.name = "web";
    web.ports = {{Protocol::tcp, 80}};
    for (Backend& backend : web.backends) backend.weight = 0;
    const Hops hops = hops_of({both});
    const Image image = planned({both});
    const auto split = replan(difference({{both}, hops, {}}, {{web, tls}, hops, {}}), hops, image, {});
    ASSERT_TRUE(split);
    const lb_service& port = split->becomes.vips.at({tls.vip, IPPROTO_TCP, 443});
    EXPECT_EQ(port.ring, image.vips.at({both.vip, IPPROTO_TCP, 443}).ring);
    EXPECT_NE(port.transition, 0U);
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

}  // namespace
}  // namespace culvert::lbd
