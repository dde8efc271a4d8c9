// SPDX-License-Identifier: Apache-2.0
//
// The guides name each encapsulation, health check and drop reason.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "common/encap.hpp"
#include "lbd/model/reasons.hpp"

namespace culvert::reference {
namespace {

using testing::HasSubstr;

std::string text_of(const std::string& path) {
    std::ifstream file(std::string(CULVERT_SOURCE) + "/" + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(Guides, NameEachEncapsulation) {
    for (const std::string_view one : common::encap_names) {
        EXPECT_THAT(text_of("docs/balancers.md"), HasSubstr(fmt::format("{{type: {}", one))) << "docs/balancers.md";
        EXPECT_THAT(text_of("docs/backends.md"), HasSubstr(fmt::format("{{encap: {}", one))) << "docs/backends.md";
    }
}

TEST(Guides, NameEachHealthCheck) {
    const auto schema = nlohmann::json::parse(text_of("packaging/schema/lbd.schema.json"));
    for (const std::string type : schema.at(nlohmann::json::json_pointer("/$defs/health/properties/type/enum")))
        EXPECT_THAT(text_of("docs/balancers.md"), HasSubstr(fmt::format("`{}`", type))) << "docs/balancers.md";
}

TEST(Guides, NameEachDropReason) {
    const std::string guide = text_of("docs/operate.md");
    for (const lbd::Reason& reason : lbd::reasons)
        EXPECT_THAT(guide, HasSubstr(fmt::format("`{}`", reason.name))) << "docs/operate.md";
}

}  // namespace
}  // namespace culvert::reference
