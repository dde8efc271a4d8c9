// SPDX-License-Identifier: Apache-2.0
//
// The JSON Schemas have exactly the keys, words, limits and defaults of the parsers. The parsers are asked for theirs:
// the error about a key that does not exist lists all keys of the map, and the error about a word lists all words.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/yaml.hpp"
#include "lbd/config/file/read.hpp"
#include "realserver/config/reader.hpp"

namespace culvert::reference {
namespace {

using Json = nlohmann::ordered_json;
using Pointer = Json::json_pointer;
using Names = std::set<std::string>;

constexpr const char* nonsense = "qqqqqqqq";  // resembles no key and no word

/// A program's parser. JSON is YAML, so it reads JSON.
struct Parser {
    std::function<std::vector<std::string>(const Json& configuration)> errors;
    /// Whether both are accepted and mean the same.
    std::function<bool(const Json& one, const Json& other)> are_alike;
};

template <typename Read>
Parser parser(Read read) {
    const auto errors = [read](const Json& configuration) {
        std::vector<std::string> texts;
        if (const auto config = read(configuration.dump()); !config)
            for (const auto& error : config.error()) texts.push_back(error.text);
        return texts;
    };
    const auto are_alike = [read](const Json& one, const Json& other) {
        const auto left = read(one.dump());
        const auto right = read(other.dump());
        return left && right && *left == *right;
    };
    return {errors, are_alike};
}

common::yaml::Result<lbd::Config> read_lbd(const std::string& text) {
    return lbd::read_config("lbd.yaml", text).map([](const lbd::Reading& reading) { return reading.config; });
}

common::yaml::Result<realserver::Config> read_realserver(const std::string& text) {
    return common::yaml::parse("realserver.yaml", text, realserver::read_config);
}

/// The names at the end of an error: "auto" and "off" of "…: write auto, off, or bytes from 88 to 65495".
Names names_in(const std::string& error) {
    static const std::regex list(": (?:write|it has) ([^:]*)$"), separator(",? or |, ");
    Names names;
    std::smatch match;
    if (!std::regex_search(error, match, list)) return names;
    const std::string text = match[1];
    for (std::sregex_token_iterator at(text.begin(), text.end(), separator, -1), end; at != end; ++at)
        if (const std::string name = *at; name.find(' ') == std::string::npos) names.insert(name);
    return names;
}

/// "2m" is 120,000 milliseconds, "4M" 4,194,304 bytes.
std::uint64_t count_of(const std::string& text) {
    static const std::map<std::string, std::uint64_t> units{
        {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"k", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}};
    return std::stoull(text) * units.at(text.substr(text.find_first_not_of("0123456789")));
}

bool is_in(const Json& map, const char* list, const std::string& name) {
    return map.contains(list) && std::ranges::count(map.at(list), Json(name)) > 0;
}

/// Compares a schema with a parser, map by map.
class Comparison {
  public:
    /// `whole` has each map once.
    Comparison(const std::string& program, Parser parser, Json whole)
        : parser_(std::move(parser)), whole_(std::move(whole)) {
        std::ifstream file(fmt::format("{}/packaging/schema/{}.schema.json", CULVERT_SOURCE, program));
        schema_ = Json::parse(file);
    }

    void compare() {
        EXPECT_THAT(parser_.errors(whole_), testing::IsEmpty());
        compare_map(whole_, Pointer(), schema_);
    }

    /// What was compared.
    struct Counts {
        int maps = 0;
        int values = 0;
        int limits = 0;
        int defaults = 0;
    };
    [[nodiscard]] const Counts& counts() const { return counts_; }

  private:
    /// What a reference leads to, with what stands beside the reference.
    [[nodiscard]] Json resolved(const Json& node) const {
        const auto reference = node.find("$ref");
        if (reference == node.end()) return node;
        Json target = resolved(schema_.at(Pointer(reference->get<std::string>().substr(1))));
        if (node.contains("x-default")) target.erase("default");
        for (const auto& [key, value] : node.items())
            if (key != "$ref") target[key] = value;
        return target;
    }

    [[nodiscard]] std::vector<Json> alternatives(const Json& written) const {
        const Json value = resolved(written);
        if (!value.contains("anyOf")) return {value};
        std::vector<Json> all;
        for (const Json& one : value.at("anyOf")) std::ranges::copy(alternatives(one), std::back_inserter(all));
        return all;
    }

    void compare_map(const Json& whole, const Pointer& at, const Json& schema) {
        if (schema.contains("oneOf") && schema.at("oneOf").front().contains("properties"))
            return compare_variants(whole, at, schema);
        SCOPED_TRACE(at.to_string());
        ++counts_.maps;
        compare_keys(whole, at, schema);
        for (const auto& [key, written] : schema.at("properties").items()) {
            const Json value = resolved(written);
            compare_presence(whole, at / key, schema);
            if (value.contains("default")) compare_default(whole, at / key, value.at("default"));
            compare_value(whole, at / key, value);
        }
    }

    /// Maps of several types: which keys each has depends on one of them.
    void compare_variants(const Json& whole, const Pointer& at, const Json& schema) {
        const std::string selector = schema.at("properties").begin().key();
        Json types = Json::array();
        for (const Json& variant : schema.at("oneOf")) {
            const Json& type = variant.at("properties").at(selector).at("const");
            SCOPED_TRACE(type);
            types.push_back(type);
            Json changed = whole;
            changed[at] = sample(variant);
            compare_map(changed, at, variant);
        }
        EXPECT_EQ(schema.at("properties").size(), 1);
        EXPECT_TRUE(is_in(schema, "required", selector));
        EXPECT_EQ(schema.at("properties").at(selector).at("enum"), types);
        compare_value(whole, at / selector, {{"enum", types}});
    }

    /// A map with the required keys.
    [[nodiscard]] Json sample(const Json& schema) const {
        static const Json words{{"vip", "192.0.2.1"}, {"name", "a.example"}, {"command", {"a"}}};
        Json map;
        for (const auto& key : schema.at("required").get<std::vector<std::string>>()) {
            const Json value = alternatives(schema.at("properties").at(key)).front();
            map[key] = words.contains(key)       ? words.at(key)
                       : value.contains("const") ? value.at("const")
                                                 : value.at("minimum");
        }
        return map;
    }

    void compare_keys(const Json& whole, const Pointer& at, const Json& schema) {
        Names listed, known;
        for (const auto& property : schema.at("properties").items()) listed.insert(property.key());
        Json changed = whole;
        changed[at / nonsense] = nonsense;
        for (const std::string& error : parser_.errors(changed))
            if (error.starts_with(fmt::format("\"{}\" is not a key of ", nonsense))) known = names_in(error);
        EXPECT_EQ(listed, known);
        EXPECT_EQ(schema.at("additionalProperties"), false);
    }

    /// Of keys of which one is needed, the parser's error names one only.
    void compare_presence(const Json& whole, const Pointer& at, const Json& schema) {
        const std::string& key = at.back();
        for (const char* choice : {"anyOf", "oneOf"})
            for (const Json& one : schema.value(choice, Json::array()))
                if (is_in(one, "required", key)) {
                    EXPECT_FALSE(is_in(schema, "required", key)) << key;
                    return;
                }
        Json changed = whole;
        if (changed.contains(at)) changed[at.parent_pointer()].erase(key);
        const auto says_so = [&](const std::string& error) {
            return error.starts_with(fmt::format("\"{}\" is missing: ", key));
        };
        EXPECT_EQ(std::ranges::any_of(parser_.errors(changed), says_so), is_in(schema, "required", key)) << key;
    }

    /// The configuration means the same with the default and without the key.
    void compare_default(const Json& whole, const Pointer& at, const Json& value) {
        ++counts_.defaults;
        Json without = whole, with = whole;
        if (!without.contains(at.parent_pointer())) without[at.parent_pointer()] = Json::object();
        if (without.contains(at)) without[at.parent_pointer()].erase(at.back());
        with[at] = value;
        EXPECT_TRUE(parser_.are_alike(without, with)) << at << " is not " << value << " by default";
    }

    void compare_value(const Json& whole, const Pointer& at, const Json& written) {
        const Json value = resolved(written);
        if (value.contains("properties")) return compare_map(whole, at, value);
        if (value.contains("items")) return compare_value(whole, at / 0, value.at("items"));
        if (value.contains("additionalProperties"))
            return compare_value(whole, at / whole.at(at).begin().key(), value.at("additionalProperties"));
        SCOPED_TRACE(at.to_string());
        ++counts_.values;
        compare_words(whole, at, value);
        compare_limits(whole, at, value);
    }

    /// A value with a title or a pattern has a notation of its own, which the parsers' tests cover.
    void compare_words(const Json& whole, const Pointer& at, const Json& value) {
        for (const char* otherwise : {"title", "pattern", "x-minimum", "const"})
            if (value.contains(otherwise)) return;
        Names words;
        for (const Json& one : alternatives(value)) {
            if (one.contains("const")) words.insert(one.at("const"));
            if (one.contains("enum")) words.insert(one.at("enum").begin(), one.at("enum").end());
            if (one.value("type", "") == "boolean") words.insert({"true", "false"});
        }
        for (const std::string& word : words) EXPECT_EQ(refusal(whole, at, word), "");
        EXPECT_EQ(names_in(refusal(whole, at, nonsense)), words);
    }

    void compare_limits(const Json& whole, const Pointer& at, const Json& value) {
        if (value.contains("x-minimum")) {
            const auto least = value.at("x-minimum").get<std::string>(),
                       most = value.at("x-maximum").get<std::string>();
            const char* unit = std::string_view("smh").find(most.back()) == std::string_view::npos ? "" : "ms";
            compare_limit(whole, at, least, fmt::format("{}{}", static_cast<long>(count_of(least)) - 1, unit));
            compare_limit(whole, at, most, fmt::format("{}{}", count_of(most) + 1, unit));
        }
        for (const Json& one : alternatives(value)) {
            if (one.value("type", "") != "integer") continue;
            const auto least = one.at("minimum").get<long>(), most = one.at("maximum").get<long>();
            compare_limit(whole, at, std::to_string(least), std::to_string(least - 1));
            compare_limit(whole, at, std::to_string(most), std::to_string(most + 1));
        }
    }

    void compare_limit(const Json& whole, const Pointer& at, const std::string& limit, const std::string& beyond) {
        ++counts_.limits;
        EXPECT_EQ(refusal(whole, at, limit), "");
        EXPECT_NE(refusal(whole, at, beyond), "") << beyond;
    }

    /// The error if this is no such value at all; empty otherwise. Whether it fits other values does not matter.
    [[nodiscard]] std::string refusal(const Json& whole, const Pointer& at, const std::string& value) const {
        Json changed = whole;
        changed[at] = value;
        for (const std::string& error : parser_.errors(changed))
            if (error.starts_with(fmt::format("\"{}\" is not ", value)) || error.starts_with("a list is not a"))
                return error;
        return {};
    }

    Parser parser_;
    Json whole_;
    Json schema_;
    Counts counts_;
};

TEST(ReferenceSchema, HasWhatLbdReads) {
    const Json encap{{"type", "ipip"}}, health{{"type", "tcp"}};
    const Json defaults{{"encap", encap}, {"health", health}};
    const Json pools{{"shared", {{{"address", "10.0.0.4"}, {"encap", encap}}}}};
    const Json backends{{{"address", "10.0.0.3"}, {"encap", encap}}};
    const Json first{{"name", "a"},    {"vip", "192.0.2.1"}, {"ports", {"80/tcp"}},
                     {"encap", encap}, {"health", health},   {"backends", backends}};
    const Json second{{"name", "b"}, {"vip", "192.0.2.2"}, {"ports", {"80/tcp"}}, {"pool", "shared"}};
    Comparison comparison("lbd", parser(read_lbd),
                          {{"interfaces", {"eth0"}},
                           {"flows", Json::object()},
                           {"cluster", Json::object()},
                           {"defaults", defaults},
                           {"pools", pools},
                           {"services", {first, second}}});
    comparison.compare();
    EXPECT_EQ(comparison.counts().maps, 8 + 4 * 7 + 2 * 7);
    EXPECT_GT(comparison.counts().values, 150);
    EXPECT_GT(comparison.counts().limits, 150);
    EXPECT_GT(comparison.counts().defaults, 100);
}

TEST(ReferenceSchema, HasWhatRealserverReads) {
    const Json tunnel{{"name", "a"},
                      {"type", "ipip"},
                      {"local", "10.0.0.3"},
                      {"remote", "10.0.0.1"},
                      {"encap", {{"type", "gue"}, {"dport", 5555}}}};
    Comparison comparison("realserver", parser(read_realserver),
                          {{"balancers", {"10.0.0.1"}},
                           {"vips", {"192.0.2.1"}},
                           {"receive", {{{"encap", "ipip"}}}},
                           {"tunnels", {tunnel}},
                           {"sysctl", Json::object()}});
    comparison.compare();
    EXPECT_EQ(comparison.counts().maps, 4 + 7);
    EXPECT_GT(comparison.counts().values, 40);
    EXPECT_GT(comparison.counts().limits, 20);
    EXPECT_GT(comparison.counts().defaults, 10);
}

}  // namespace
}  // namespace culvert::reference
