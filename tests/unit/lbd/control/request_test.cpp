// SPDX-License-Identifier: Apache-2.0
#include "lbd/control/request.hpp"

#include <gmock/gmock.h>

#include <string>

#include <nlohmann/json.hpp>

#include "lbd/control/control_protocol.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;
using State = RequestLine::State;

TEST(RequestLineTest, IsPutTogetherFromPieces) {
    RequestLine line;
    EXPECT_EQ(line.append("{\"a"), State::unfinished);
    EXPECT_EQ(line.append("\": 1}\n and more"), State::whole);
    EXPECT_EQ(line.text(), "{\"a\": 1}");
}

TEST(RequestLineTest, HasABound) {
    RequestLine line;
    EXPECT_EQ(line.append(std::string(RequestLine::longest, 'x')), State::unfinished);
    EXPECT_EQ(line.append("\n"), State::whole);
    RequestLine longer;
    EXPECT_EQ(longer.append(std::string(RequestLine::longest, 'x')), State::unfinished);
    EXPECT_EQ(longer.append("x\n"), State::too_long);
    EXPECT_EQ(longer.text().size(), RequestLine::longest);
}

TEST(AnswerTest, OnlyObjectsAreAsked) {
    const Handler never = [](const Json&) -> Answer { throw "asked"; };
    for (const char* line : {"", "no JSON", "[]", "1", "{\"a\": \"\xff\"}"})
        EXPECT_EQ(answer_to(line, never)(), "{\"error\":\"not a JSON object\"}\n") << line;
}

template <typename Wanted>
Wanted parsed(const Json& json) {
    const auto request = parse_request(json);
    EXPECT_TRUE(request) << request.error();
    EXPECT_TRUE(std::holds_alternative<Wanted>(*request));
    return std::get<Wanted>(*request);
}

TEST(RequestTest, EachCommandIsAValue) {
    EXPECT_EQ(parsed<ShowRequest>({{"command", "show"}, {"what", "flows"}}).view, View::flows);
    parsed<ReloadRequest>({{"command", "reload"}});
    EXPECT_EQ(parsed<PlanRequest>({{"command", "plan"}}).config, "");
    EXPECT_EQ(parsed<PlanRequest>({{"command", "plan"}, {"config", "/next.yaml"}}).config, "/next.yaml");
    parsed<LeaveRequest>({{"command", "leave"}});
    parsed<JoinRequest>({{"command", "join"}});
    const auto drain = parsed<DrainRequest>({{"command", "drain"}, {"backend", "b1"}, {"service", "web"}});
    EXPECT_EQ(drain.backend + " of " + drain.service, "b1 of web");
    EXPECT_EQ(parsed<UndrainRequest>({{"command", "undrain"}, {"backend", "b1"}}).service, "");
    const auto explain = parsed<ExplainRequest>(
        Json::parse(R"({"command": "explain", "frames": [{"hex": "00ff", "bytes": 1514}, {"hex": "", "bytes": 0}]})"));
    ASSERT_EQ(explain.frames.size(), 2U);
    EXPECT_THAT(explain.frames[0].front, testing::ElementsAre(0, 255));
    EXPECT_EQ(explain.frames[0].length, 1514U);
    EXPECT_THAT(explain.frames[1].front, testing::IsEmpty());
    EXPECT_FALSE(parsed<StopRequest>({{"command", "stop"}, {"detach", "yes"}}).detach);
    EXPECT_TRUE(parsed<StopRequest>({{"command", "stop"}, {"detach", true}}).detach);
}

TEST(RequestTest, WhatIsWrongIsSaid) {
    const auto error = [](const Json& json) { return parse_request(json).error(); };
    EXPECT_EQ(error(Json::object()), "unknown command \"\"");
    EXPECT_EQ(error({{"command", 1}}), "unknown command \"\"");
    EXPECT_EQ(error({{"command", "sing"}}), "unknown command \"sing\"");
    EXPECT_EQ(error({{"command", "show"}, {"what", "cats"}}), "there is no view \"cats\"");
    EXPECT_EQ(error({{"command", "explain"}}), "\"frames\" must be a list of at most 500");
    EXPECT_EQ(error({{"command", "explain"}, {"frames", Json(501, "00")}}), "\"frames\" must be a list of at most 500");
    const auto one = [&](const Json& frame) {
        return error({{"command", "explain"}, {"frames", Json::array({frame})}});
    };
    EXPECT_EQ(one({{"hex", "0g"}, {"bytes", 1}}), "\"hex\" of a frame must be hexadecimal digits");
    for (const Json& length : {Json("2"), Json(-1), Json(1), Json(2.5), Json()})
        EXPECT_EQ(one({{"hex", "00ff"}, {"bytes", length}}),
                  "\"bytes\" of a frame must be a number, no less than the bytes in \"hex\"")
            << length;
    for (const Json& frame : {Json(1), Json("00ff"), Json::object(), Json()})
        EXPECT_EQ(one(frame), "\"bytes\" of a frame must be a number, no less than the bytes in \"hex\"") << frame;
}

}  // namespace
}  // namespace culvert::lbd
