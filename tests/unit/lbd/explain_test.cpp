// SPDX-License-Identifier: Apache-2.0
#include "lbd/explain/explain.hpp"

#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include <nlohmann/json.hpp>

#include "lbd/frame/frame.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

IpAddress address(const char* text) { return *IpAddress::parse(text); }

/// A service with backends a and b, and a packet of a flow that the table has for a.
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
        const lb_story story{.hash = 7,
                             .known = *ids.current("a"),
                             .service = image.vips.at({config_.services[0].vip, 6, 80}).dest_base,
                             .table_size = moves ? 101U : 0,
                             .slot = 5,
                             .chosen = moves ? *ids.current("b") : 0,
                             .pad = 0};
        const auto frame = encode({.source = address("198.51.100.9"),
                                   .destination = address("192.0.2.1"),
                                   .protocol = IPPROTO_TCP,
                                   .source_port = 40000,
                                   .destination_port = 80});
        return explain(frame, 2, {.verdict = XDP_TX, .frame = frame, .story = story}, {config_, image, {{2, "eth0"}}});
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
              "it is for MAC address 02:00:00:00:00:09, which none of this host's interfaces has there");
    EXPECT_THAT(passed(3, Addressee::all), HasSubstr("a multicast"));
}

TEST_F(Explain, TheFlowOfABackendThatIsDownGoesToTheOneThatTheTableNames) {
    const Json json = told({{{"web", "a"}, {.up = false}}});
    EXPECT_EQ(json["backend"]["name"], "b");
    EXPECT_EQ(json["flow"]["gone"], true);
    EXPECT_EQ(json["table"]["entry"], 5);
    EXPECT_THAT(to_story(json, false),
                HasSubstr("\nflow      in the flow table, for a backend that is gone or down (bucket 7)\n"));
}

}  // namespace
}  // namespace culvert::lbd
