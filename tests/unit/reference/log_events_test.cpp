// SPDX-License-Identifier: Apache-2.0
//
// The field EVENT in the sources has exactly the values of the tables.
#include "lbd/model/log_events.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "realserver/run/log_events.hpp"

namespace culvert::reference {
namespace {

/// All sources of a program, except the table itself.
std::string sources_of(const std::string& program) {
    std::stringstream text;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::string(CULVERT_SOURCE) + "/" + program)) {
        const auto& path = entry.path();
        if (entry.is_regular_file() && path.filename() != "log_events.hpp") text << std::ifstream(path).rdbuf() << '\n';
    }
    return text.str();
}

/// The names of events in a text, each with the fields beside it, "SERVICE, BACKEND".
std::map<std::string, std::set<std::string>> logged(const std::string& text) {
    static const std::regex use(R"x(log_event\("(\w+)"\)(\},)?)x"), field(R"x(^\s*\{"(\w+)",)x");
    std::map<std::string, std::set<std::string>> events;
    for (std::sregex_iterator at(text.begin(), text.end(), use), end; at != end; ++at) {
        std::string fields,
            rest = (*at)[2].matched ? text.substr(static_cast<std::size_t>(at->position() + at->length()), 2'000) : "";
        for (std::smatch match; std::regex_search(rest, match, field);) {
            fields += (fields.empty() ? "" : ", ") + match[1].str();
            std::size_t depth = 0, i = 0;
            do {
                depth += rest[i] == '{' ? 1 : rest[i] == '}' ? -1 : 0;
            } while (++i < rest.size() && (depth > 0 || rest[i - 1] != '}'));
            rest = rest.substr(i + (rest[i] == ',' ? 1 : 0));
        }
        events[(*at)[1]].insert(fields);
    }
    return events;
}

template <typename Table>
void expect_logged(const std::string& program, const Table& table) {
    const std::string sources = sources_of(program);
    EXPECT_EQ(sources.find("{\"EVENT\", \""), std::string::npos) << program << " logs an event past its table";
    const auto events = logged(sources);
    for (const common::LogEvent& event : table) EXPECT_TRUE(events.contains(std::string(event.name))) << event.name;
    EXPECT_EQ(events.size(), table.size());
}

TEST(ReferenceLogEvents, AreThoseThatAreLogged) {
    expect_logged("lbd", lbd::log_events);
    expect_logged("realserver", realserver::log_events);
}

TEST(ReferenceLogEvents, OfLbdHaveTheseFields) {
    const auto events = logged(sources_of("lbd"));
    for (const common::LogEvent& event : lbd::log_events)
        EXPECT_THAT(events.at(std::string(event.name)), testing::ElementsAre(std::string(event.fields))) << event.name;
}

}  // namespace
}  // namespace culvert::reference
