// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/services.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <random>
#include <string>

namespace culvert::lbd {
namespace {

/// A service of one of many kinds.
Service kind(std::uint32_t number) {
    static const std::array<Encap, 4> encaps{L2{}, Ipip{}, Gue{5080}, L3dsr{3}};
    Service service{.name = std::to_string(number),
                    .vip = *IpAddress::parse(number % 2 == 0 ? "192.0.2.1" : "2001:db8::1"),
                    .ports = {{Protocol::tcp, static_cast<std::uint16_t>(number % 3 == 0 ? 0 : 80)}},
                    .sticky = number % 5 == 0,
                    .backends = {}};
    if (number % 7 == 0) service.vip = netlink::Prefix{*IpAddress::parse("198.51.100.0"), 24};
    if (number % 11 == 0) service.health = HealthCheck{.kind = TcpCheck{}};
    for (std::uint32_t i = 0; i < number % 4; ++i)
        service.backends.push_back({.name = std::to_string(i), .encap = encaps[(number / 4 + i) % encaps.size()]});
    return service;
}

/// Counts everything again and compares with the list's own counts.
void expect_known(const Services& services) {
    const auto any = [&](auto has) {
        for (const Service& service : services)
            if (has(service)) return true;
        return false;
    };
    const auto any_encap = [&](auto has) {
        return any([&](const Service& service) {
            return std::ranges::any_of(service.backends, [&](const Backend& one) { return has(one.encap); });
        });
    };
    const auto is_l2 = [](const Encap& encap) { return std::holds_alternative<L2>(encap); };
    const auto is_l3dsr = [](const Encap& encap) { return std::holds_alternative<L3dsr>(encap); };
    EXPECT_EQ(services.have(Trait::ipv4), any([](const Service& one) { return one.vip.family() == Family::ipv4; }));
    EXPECT_EQ(services.have(Trait::ipv6), any([](const Service& one) { return one.vip.family() == Family::ipv6; }));
    EXPECT_EQ(services.have(Trait::network), any([](const Service& one) { return !one.vip.prefix.is_host(); }));
    EXPECT_EQ(services.have(Trait::all_ports), any([](const Service& one) { return one.ports.front().port == 0; }));
    EXPECT_EQ(services.have(Trait::sticky), any([](const Service& one) { return one.sticky; }));
    EXPECT_EQ(services.have(Trait::health), any([](const Service& one) { return one.health.has_value(); }));
    EXPECT_EQ(services.have(Trait::l2), any_encap(is_l2));
    EXPECT_EQ(services.have(Trait::l3dsr), any_encap(is_l3dsr));
    EXPECT_EQ(services.have(Trait::tunnel),
              any_encap([&](const Encap& encap) { return !is_l2(encap) && !is_l3dsr(encap); }));
    std::size_t backends = 0;
    for (const Service& service : services) backends += service.backends.size();
    EXPECT_EQ(services.backends(), backends);
}

TEST(Services, KnowWhatTheyHaveAsTheyChange) {
    std::mt19937 random(20250103);
    Services services;
    std::vector<Service> expected;
    for (int round = 0; round < 500; ++round) {
        const std::size_t first = random() % (expected.size() + 1);
        const std::size_t end = first + random() % (expected.size() - first + 1);
        std::vector<Service> come;
        for (std::size_t i = random() % 4; i > 0; --i) come.push_back(kind(static_cast<std::uint32_t>(random() % 200)));
        services.replace(first, end, come);
        expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(first),
                       expected.begin() + static_cast<std::ptrdiff_t>(end));
        expected.insert(expected.begin() + static_cast<std::ptrdiff_t>(first), come.begin(), come.end());
        ASSERT_EQ(services, Services(expected)) << "round " << round;
        expect_known(services);
    }
}

TEST(Services, ACopyDoesNotChangeWithTheOther) {
    Services one{kind(1), kind(2)};
    const Services other = one;
    one.replace(0, kind(3));
    one.push_back(kind(4));
    EXPECT_EQ(other, (Services{kind(1), kind(2)}));
    EXPECT_EQ(one, (Services{kind(3), kind(2), kind(4)}));
}

TEST(Services, EqualOnesOfTheSameNameAreShared) {
    std::mt19937 random(20260101);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::uint32_t> numbers(random() % 12);
        std::iota(numbers.begin(), numbers.end(), 0);
        std::ranges::shuffle(numbers, random);
        Services known;
        for (const std::uint32_t number : numbers) known.push_back(kind(number));

        Services services;
        std::size_t equal = 0;
        std::ranges::shuffle(numbers, random);
        for (const std::uint32_t number : numbers) {
            const auto same =
                std::ranges::find(known.shared(), kind(number).name, [](const auto& one) { return one->name; });
            Service changed = kind(number);
            changed.table_size = 101;
            switch (random() % 4) {
                case 0:
                    services.push_back(kind(number));
                    ++equal;
                    break;
                case 1:
                    services.push_back(*same);
                    ++equal;
                    break;
                case 2:
                    services.push_back(changed);
                    break;
                default:;
            }
        }
        const Services shared = shared_with(services, known);
        EXPECT_EQ(shared, services);
        EXPECT_EQ(std::ranges::count_if(
                      shared.shared(),
                      [&](const auto& one) { return std::ranges::find(known.shared(), one) != known.shared().end(); }),
                  static_cast<std::ptrdiff_t>(equal));
        expect_known(shared);
    }
}

}  // namespace
}  // namespace culvert::lbd
