// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/disagreements.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lbd/cluster/answers.hpp"
#include "lbd/cluster/view.hpp"
#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Time = Disagreements::Clock::time_point;

Service web(int backends = 3) {
    Service service{.name = "web", .vip = address("192.0.2.1"), .ports = {{Protocol::tcp, 80}}};
    for (int i = 1; i <= backends; ++i) {
        const std::string name = "b" + std::to_string(i);
        service.backends.push_back({.name = name, .address = address("10.0.0." + std::to_string(i % 250))});
    }
    return service;
}

OwnViews own(const std::vector<Service>& services) {
    OwnViews views;
    for (const Service& one : services)
        views.emplace(one.name, std::make_shared<const ServiceView>(view_of(one, Health{})));
    return views;
}

Views said(const OwnViews& views) {
    Views said{.anew = true, .whole = true};
    for (const auto& [name, view] : views)
        said.views.push_back({.service = name, .table = view->table, .whole = view->whole, .idle = 1'000});
    return said;
}

/// Two balancers, of which one asks the other.
struct Pair {
    OwnViews ours, theirs;
    PeerViews views;
    Disagreements found;
    Time now{1h};

    Pair(const std::vector<Service>& here, const std::vector<Service>& there) : ours(own(here)), theirs(own(there)) {
        compare();
    }
    void compare() {
        EXPECT_TRUE(views.take(said(theirs)));
        found.compare(ours, views, now);
    }
    /// Asks, and is answered.
    void talk() {
        now += Disagreements::asked_after;
        while (const auto service = found.next_question(ours, now)) {
            Answers answers;
            answers.ask(*service, theirs.at(*service));
            while (!answers.empty()) found.take(answers.next());
        }
    }
    [[nodiscard]] std::vector<std::string> texts() const {
        std::vector<std::string> texts;
        for (const Disagreement& one : found.first(100)) texts.push_back(text_of(one, "p"));
        return texts;
    }
};

TEST(Disagreements, NoneIfAllIsTheSame) {
    Pair pair({web()}, {web()});
    pair.talk();
    EXPECT_EQ(pair.found.total(), 0U);
}

TEST(Disagreements, ALineThatDiffersIsNamed) {
    Service there = web();
    there.backends[1].weight = 20;
    Pair pair({web()}, {there});
    EXPECT_FALSE(pair.found.next_question(pair.ours, pair.now)) << "it may be a reload that is on its way";
    pair.talk();
    EXPECT_THAT(pair.texts(), ElementsAre("service web: backend b2: weight 1 here, 20 on p"));
}

TEST(Disagreements, OfABackendThatOneLacksOnlyTheAddressIsNamed) {
    Service there = web();
    there.backends.erase(there.backends.begin());
    there.backends.push_back({.name = "b1-new", .address = address("10.9.9.9")});
    Pair pair({web()}, {there});
    pair.talk();
    EXPECT_THAT(pair.texts(), ElementsAre("service web: backend b1 10.0.0.1 here, not on p",
                                          "service web: backend b1-new 10.9.9.9 on p, not here"));
}

TEST(Disagreements, AServiceThatOneLacks) {
    Service dns = web();
    dns.name = "dns";
    Pair pair({web(), dns}, {web()});
    EXPECT_THAT(pair.texts(), ElementsAre("service dns is here, not on p"));
    Pair other({web()}, {web(), dns});
    EXPECT_THAT(other.texts(), ElementsAre("service dns is on p, not here"));
}

TEST(Disagreements, AgreementIsNoticed) {
    Service there = web();
    there.backends[1].weight = 20;
    Pair pair({web()}, {there});
    pair.talk();
    pair.theirs = own({web()});
    pair.compare();
    EXPECT_EQ(pair.found.total(), 0U);
    EXPECT_THAT(pair.texts(), IsEmpty());
}

TEST(Disagreements, ManyLinesAreCountedAndTheFirstAreKept) {
    Service there = web(3'000);
    for (Backend& one : there.backends) one.weight = 2;
    Pair pair({web(3'000)}, {there});
    pair.talk();
    EXPECT_EQ(pair.found.total(), 3'000U) << "in answers of 1,024 lines";
    EXPECT_EQ(pair.texts().size(), Comparison::most_kept);
}

TEST(Disagreements, AreWarnedOfOnceWhenTheyLast) {
    Service there = web();
    there.backends[1].weight = 20;
    Pair pair({web()}, {there});
    pair.talk();
    EXPECT_THAT(pair.found.take_warnings(pair.now + 27s), IsEmpty());
    EXPECT_EQ(pair.found.take_warnings(pair.now + 28s).size(), 1U);
    EXPECT_THAT(pair.found.take_warnings(pair.now + 60s), IsEmpty());
    there.backends[1].weight = 30;
    pair.theirs = own({there});
    pair.compare();
    pair.talk();
    EXPECT_EQ(pair.found.take_warnings(pair.now + 60s).size(), 1U) << "it is another difference";
}

TEST(Disagreements, OfTheWholeBalancer) {
    Disagreements found;
    const Hello ours{.version = "1", .hash_key = "aa", .flow_entries = 1};
    Hello theirs = ours;
    found.compare(ours, theirs, Time{});
    EXPECT_EQ(found.total(), 0U);
    theirs.hash_key = "bb";
    theirs.version = "2";
    found.compare(ours, theirs, Time{});
    EXPECT_EQ(found.total(), 2U);
    EXPECT_EQ(text_of(found.first(1).at(0), "p"), "hash key aa here, bb on p");
}

TEST(PeerViews, FormerOnesCountUntilNewOnesAreWhole) {
    PeerViews views;
    EXPECT_TRUE(views.take({.anew = true, .views = {{"a", 1, 1, 1}}}));
    EXPECT_FALSE(views.is_known());
    EXPECT_TRUE(views.take({.whole = true, .views = {{"b", 2, 2, 5'000}}}));
    ASSERT_TRUE(views.is_known());
    EXPECT_EQ(views.all().size(), 2U);
    EXPECT_EQ(views.longest_idle(), 5s);
    EXPECT_TRUE(views.take({.views = {{"c", 3, 3, 1}}, .gone = {"b"}}));
    EXPECT_EQ(views.find("b"), nullptr);
    EXPECT_TRUE(views.take({.anew = true, .views = {{"d", 4, 4, 1}}}));
    EXPECT_NE(views.find("a"), nullptr) << "until the rest is there";
    EXPECT_TRUE(views.take({.whole = true}));
    EXPECT_EQ(views.find("a"), nullptr);
    EXPECT_NE(views.find("d"), nullptr);
}

TEST(PeerViews, HaveALimit) {
    PeerViews views;
    bool fits = views.take({.anew = true});
    for (std::size_t i = 0; fits && i <= PeerViews::most_services; i += most_views) {
        Views part;
        for (std::size_t k = 0; k < most_views; ++k) part.views.push_back({std::to_string(i + k), 1, 1, 1});
        fits = views.take(part);
    }
    EXPECT_FALSE(fits);
}

}  // namespace
}  // namespace culvert::lbd
