// SPDX-License-Identifier: Apache-2.0
#include "lbd/explain/explain.hpp"

#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "lbd/frame/frame.hpp"
#include "lbd/plan/plan.hpp"
#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

/// A service with backends a and b, and a packet of a flow that the flow table assigns to a.
class Explain : public testing::Test {
  protected:
    Explain() {
        Service web{.name = "web", .vip = address("192.0.2.1"), .ports = {{Protocol::tcp, 80}}, .table_size = 101};
        web.health = HealthCheck{};
        for (const auto& [name, at] : {std::pair{"a", "10.0.0.3"}, std::pair{"b", "10.0.0.4"}}) {
            web.backends.push_back({.name = name, .address = address(at), .encap = Ipip{}});
            hops_[address(at)] = NextHop{.ifindex = 2, .from = address("10.0.0.2")};
        }
        config_.services = {web};
    }

    Json told(const Health& health) {
        const Image image = *plan(config_.services, hops_, {}, {}, health);
        const ServiceIds& ids = image.ids.at("web");
        const bool moves = !health_of(health, "web", "a").up;
        return told(image, {.hash = 7,
                            .known = *ids.current("a"),
                            .service = image.vips.at({config_.services[0].vip, 6, 80}).dest_base,
                            .table_size = moves ? 101U : 0,
                            .slot = 5,
                            .chosen = moves ? *ids.current("b") : 0,
                            .former = 0});
    }
    [[nodiscard]] Json told(const Image& image, const lb_story& story, std::optional<lb_reason> dropped = {}) const {
        const auto frame = encode({.source = address("198.51.100.9"),
                                   .destination = address("192.0.2.1"),
                                   .protocol = IPPROTO_TCP,
                                   .source_port = 40000,
                                   .destination_port = 80});
        const std::uint32_t verdict = dropped ? XDP_DROP : XDP_TX;
        return explain(frame, 2, {.verdict = verdict, .frame = frame, .reason = dropped, .story = story},
                       {config_, image, {{2, "eth0"}}});
    }

    Config config_;
    Hops hops_;
};

TEST_F(Explain, AKnownFlowGoesToItsBackend) {
    const Json json = told({});
    EXPECT_EQ(json["backend"]["name"], "a");
    EXPECT_FALSE(json["flow"].contains("gone"));
    EXPECT_FALSE(json.contains("table"));
    EXPECT_THAT(to_story(json, false), HasSubstr("\nflow      in the flow table (bucket 7)\n"));
}

TEST_F(Explain, AFrameForOthersPassesAndSaysForWhom) {
    std::vector<std::uint8_t> frame(60);
    const auto passed = [&](std::uint8_t first, Addressee addressee) {
        frame[0] = first;
        frame[5] = 9;
        const Json json =
            explain(frame, 2, {.verdict = XDP_PASS, .addressee = addressee}, {config_, Image{}, {{2, "eth0"}}});
        return json["passed_text"].get<std::string>();
    };
    EXPECT_EQ(passed(2, Addressee::others),
              "it is for MAC address 02:00:00:00:00:09, which this host does not have on this interface");
    EXPECT_THAT(passed(3, Addressee::all), HasSubstr("multicasts are not forwarded"));
}

TEST_F(Explain, TagsAreWhyAFramePasses) {
    const auto passed = [&](const std::vector<std::uint8_t>& frame, Addressee addressee) {
        const Json json =
            explain(frame, 2, {.verdict = XDP_PASS, .addressee = addressee}, {config_, {}, {{2, "eth0"}}});
        return json["passed_text"].get<std::string>();
    };
    auto frame = encode({.source = address("198.51.100.9"),
                         .destination = address("192.0.2.1"),
                         .protocol = IPPROTO_TCP,
                         .source_port = 40000,
                         .destination_port = 80});
    const std::vector<std::uint8_t> tag{0x81, 0, 0, 5};
    for (int i = 0; i < 3; ++i) frame.insert(frame.begin() + 12, tag.begin(), tag.end());
    EXPECT_EQ(passed(frame, Addressee::us), "it has 3 VLAN tags, but the balancer looks behind only 2");
    std::vector<std::uint8_t> arp(60);
    arp[12] = 0x81;
    arp[15] = 7;
    arp[16] = 8;
    arp[17] = 6;
    EXPECT_EQ(passed(arp, Addressee::other_vlan), "it is in VLAN 7, for which this host has no device");
}

TEST_F(Explain, AFrameOfWhichThereIsNotEnough) {
    const std::vector<std::uint8_t> front(20);
    const Json json = unexplained(front, 1514, "eth0", "too little");
    EXPECT_EQ(json["verdict"], "unknown");
    EXPECT_EQ(to_story(json, false),
              "packet    not an IP packet, 1514 bytes, 20 of them captured, by eth0\nunknown   too little\n");
    EXPECT_EQ(to_story(unexplained({}, 0, "", "nothing"), false),
              "packet    not an IP packet, 0 bytes\nunknown   nothing\n");
}

TEST_F(Explain, APacketThatWasShortenedIsAsLongAsItWas) {
    const Image image = *plan(config_.services, hops_, {}, {}, {});
    const std::uint32_t id = *image.ids.at("web").current("a");
    for (const std::uint8_t protocol : std::to_array<std::uint8_t>({IPPROTO_TCP, IPPROTO_ICMP})) {
        auto frame = encode({.source = address("198.51.100.9"),
                             .destination = address("192.0.2.1"),
                             .protocol = protocol,
                             .source_port = 40000,
                             .destination_port = 80,
                             .length = 1400});
        const Fate sent{
            .verdict = XDP_TX,
            .frame = frame,
            .story = {.hash = 7, .known = id, .service = 1, .table_size = 0, .slot = 0, .chosen = 0, .former = 0}};
        const auto told = [&](std::size_t missing, std::size_t mtu = 1500) {
            const Excerpt excerpt{
                .captured = frame.size(), .length = frame.size() + missing, .missing = missing, .mtu = mtu};
            return explain(frame, 2, sent, {config_, image, {{2, "eth0"}}}, excerpt);
        };
        EXPECT_EQ(told(81, 1480)["verdict"], "dropped");
        EXPECT_EQ(told(81, 1480)["reason"], "merged");
        EXPECT_EQ(told(80)["verdict"], "sent");
        EXPECT_EQ(told(80)["out"]["bytes"], frame.size() + 80);
        EXPECT_EQ(told(81)["verdict"], protocol == IPPROTO_TCP ? "answered" : "dropped");
        EXPECT_EQ(told(81)["reason"], "too_big");
        EXPECT_FALSE(told(81).contains("out"));
        EXPECT_THAT(to_story(told(81), false), HasSubstr("too long for the path"));
    }
}

TEST_F(Explain, TheFlowOfABackendThatIsDownGoesToTheOneThatTheTableNames) {
    const Json json = told({{{"web", "a"}, {.up = false}}});
    EXPECT_EQ(json["backend"]["name"], "b");
    EXPECT_EQ(json["flow"]["gone"], true);
    EXPECT_EQ(json["table"]["entry"], 5);
    EXPECT_THAT(
        to_story(json, false),
        HasSubstr("\nflow      in the flow table, for a backend that is gone, down or not needed (bucket 7)\n"));
}

/// A flow without an entry, whose slot is in transition from a.
class ExplainTransition : public Explain {
  protected:
    [[nodiscard]] std::uint32_t id(const char* backend) const { return *image_.ids.at("web").current(backend); }
    [[nodiscard]] lb_story from_before(std::uint32_t former) const {
        const std::uint32_t service = image_.vips.at({config_.services[0].vip, 6, 80}).dest_base;
        return {.hash = 7, .known = 0, .service = service, .table_size = 0, .slot = 0, .chosen = 0, .former = former};
    }

    Image image_ = *plan(config_.services, hops_, {}, {}, {});
};

TEST_F(ExplainTransition, AFlowFromBeforeStaysWithTheFormerBackend) {
    const Json json = told(image_, from_before(id("a")));
    EXPECT_EQ(json["backend"]["name"], "a");
    EXPECT_EQ(json["backend"]["destination"], id("a"));
    EXPECT_EQ(json["verdict"], "sent");
    EXPECT_EQ(json["flow"]["former"], true);
    EXPECT_EQ(json["flow"]["known"], false);
    EXPECT_FALSE(json["flow"].contains("gone"));
    EXPECT_FALSE(json.contains("table")) << "it was not read";
    EXPECT_THAT(
        to_story(json, false),
        HasSubstr("\nflow      not in the flow table (bucket 7); it stays with the backend that its entry of the "
                  "Maglev table had\nbackend   a 10.0.0.3"));
}

TEST_F(ExplainTransition, WithoutItsFormerBackendItGoesWhereTheTableSays) {
    lb_story story = from_before(LB_STORY_NO_FORMER);
    story.table_size = 101;
    story.slot = 5;
    story.chosen = id("b");
    const Json json = told(image_, story);
    EXPECT_EQ(json["backend"]["name"], "b");
    EXPECT_EQ(json["table"]["entry"], 5);
    EXPECT_FALSE(json["flow"].contains("former"));
    EXPECT_THAT(to_story(json, false),
                HasSubstr("\nflow      not in the flow table (bucket 7)\ntable     entry 5 of 101\n"));
}

TEST_F(ExplainTransition, WithoutAnyBackendItIsDropped) {
    const Json json = told(image_, from_before(LB_STORY_NO_FORMER), LB_DROP_NO_BACKEND);
    EXPECT_EQ(json["service"]["name"], "web");
    EXPECT_FALSE(json.contains("backend"));
    EXPECT_FALSE(json["flow"].contains("former"));
    EXPECT_EQ(json["verdict"], "dropped");
    EXPECT_EQ(json["reason"], "no_backend");
}

}  // namespace
}  // namespace culvert::lbd
