// SPDX-License-Identifier: Apache-2.0
#include "common/yaml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "common/scalars.hpp"
#include "reading.hpp"

namespace culvert::common::yaml {
namespace {

/// A node as text with its positions: `{a@1:1 1@1:4}`.
std::string dump(const Node& node) {
    const std::string place = fmt::format("@{}:{}", node.position.line, node.position.column);
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < node.items.size(); ++i)
        parts.push_back((node.keys.empty() ? "" : dump(node.keys[i]) + " ") + dump(node.items[i]));
    switch (node.kind) {
        case Node::Kind::null:
            return "null" + place;
        case Node::Kind::scalar:
            return node.text + place;
        case Node::Kind::sequence:
            return fmt::format("[{}]{}", fmt::join(parts, ", "), place);
        case Node::Kind::map:
            return fmt::format("{{{}}}{}", fmt::join(parts, ", "), place);
        case Node::Kind::refused:
            return "refused" + place;
    }
    return {};
}

std::string tree(std::string_view text) {
    Diagnostics diagnostics("test.yaml");
    const auto root = parse_tree(text, diagnostics);
    return root && diagnostics.empty() ? dump(*root) : lines(std::move(diagnostics).take());
}

TEST(YamlTree, HasPositionsOfKeysAndValues) {
    EXPECT_EQ(tree("a: 1\nb:\n  - x\n  - {c: \"y\"}\n"), "{a@1:1 1@1:4, b@2:1 [x@3:5, {c@4:6 y@4:9}@4:5]@3:3}@1:1");
}

TEST(YamlTree, KeepsScalarsAsTheyAreWritten) {
    EXPECT_EQ(tree("[010, on, 1e3, '53', 02:00:00:00:00:01, fd00::7, \"a\\tb\", 'it''s']"),
              "[010@1:2, on@1:7, 1e3@1:11, 53@1:16, 02:00:00:00:00:01@1:22, fd00::7@1:41, a\tb@1:50, it's@1:58]@1:1");
}

TEST(YamlTree, PlacesAMissingValueAtItsKey) {
    EXPECT_EQ(tree("a:\n\n# comment\nb: ~\n"), "{a@1:1 null@1:1, b@4:1 null@4:1}@1:1");
}

TEST(YamlTree, TakesByteOrderMarkAndCarriageReturns) {
    EXPECT_EQ(tree("\xef\xbb\xbf"
                   "a: 1\r\nb: x\r\n"),
              "{a@1:1 1@1:4, b@2:1 x@2:4}@1:1");
}

TEST(YamlTree, TakesBlockScalars) { EXPECT_EQ(tree("a: >-\n  x\n  y\n"), "{a@1:1 x y@1:4}@1:1"); }

struct Refused {
    std::string_view text;
    std::string_view message;
};

/// Errors that yaml-cpp silently accepts or explains in its own terms.
class YamlRefuses : public testing::TestWithParam<Refused> {};

TEST_P(YamlRefuses, WithAReason) { EXPECT_EQ(tree(GetParam().text), GetParam().message); }

const std::string_view nothing = "the file has only spaces and comments";

INSTANTIATE_TEST_SUITE_P(
    All, YamlRefuses,
    testing::Values(
        Refused{"", nothing}, Refused{"# only a comment\n", nothing}, Refused{"---\n", nothing},
        Refused{"a: 1\nb: 2\na: 3\n", "3:1: \"a\" is here twice, first in line 1: remove one"},
        Refused{"- {x: 1, x: 2}\n", "1:10: \"x\" is here twice, first in line 1: remove one"},
        Refused{"a: &x 1\nb: *x\n",
                "1:4: anchors (&name) are not supported: write the value out where it is used\n"
                "2:4: aliases (*name) are not supported: write the value out"},
        Refused{"a: &x [*x]\n",
                "1:4: anchors (&name) are not supported: write the value out where it is used\n"
                "1:8: aliases (*name) are not supported: write the value out"},
        Refused{"a: *x\n", "1:4: aliases (*name) are not supported: write the value out"},
        Refused{"a: !!int 5\n", "1:4: tags (!name) are not supported: remove it"},
        Refused{"a: ! 5\n", "1:4: tags (!name) are not supported: remove it"},
        Refused{"a: 1\n---\nb: 2\n", "2:1: a second document: a configuration is a single one"},
        Refused{"- a\nb: 1\n", "2:1: this belongs to nothing above: check the indentation"},
        Refused{"{a: 1} x\n", "1:8: this belongs to nothing above: check the indentation"},
        Refused{"a: \"x\nb: 2\n", "1:4: the quote \" is not closed in this line"},
        Refused{"a: 'x\n", "1:4: the quote ' is not closed in this line"},
        Refused{"a: \"x\\\"\n", "1:4: the quote \" is not closed in this line"},
        Refused{"a: 1\n b: 2\n",
                "1:4: this value runs on into the next line: check that line's indentation, "
                "or a missing comma or bracket"},
        Refused{"a: [1, 2\nb: 3\n",
                "1:8: this value runs on into the next line: check that line's indentation, "
                "or a missing comma or bracket"},
        Refused{"a:\n\tb: 1\n", "2:1: a tab in the indentation: YAML requires spaces"},
        Refused{"a: [fd00::7]:80\n", "1:13: text after the closing ]: quote the value as a whole"},
        Refused{"a: \"x\" y\n", "1:8: text after the closing \": quote the value as a whole"},
        Refused{"a: 2001:db8::\n",
                "1:13: this colon cannot start a value: check the indentation, and quote text with colons in it"},
        Refused{"{a: 1 b: 2}\n",
                "1:8: a comma or the closing } is missing before this; quote text that ends in a colon"},
        Refused{"[{a: 1]\n",
                "1:7: this bracket closes nothing that is open: check the brackets, or quote the text it is part of"},
        Refused{"a: ]\n",
                "1:4: this bracket closes nothing that is open: check the brackets, or quote the text it is part of"},
        Refused{"a: - b\n", "1:4: no list item can stand here: start it on a line of its own"},
        Refused{"a: 1\n- b\n", "2:1: this is no key of the map above: check the indentation"},
        Refused{"- a: 1\n b: 2\n", "2:2: this is no item of the list above: check the indentation"},
        Refused{"a: @x\n", "1:4: no value can start with this character: quote the value"},
        Refused{"a: \"\\q\"\n",
                "1:7: in double quotes a backslash starts an escape, and this is none: use single quotes"},
        Refused{"? [x]\n: 1\n", "1:3: a key must be plain text"}, Refused{": 1\n", "1:1: a key must be plain text"},
        Refused{"[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]\n", "1:17: nested more than 16 levels deep"},
        Refused{"- - - - - - - - - - - - - - - - - a\n", "1:33: nested more than 16 levels deep"},
        Refused{"a: b\x04\nc: d\n", "1:5: control character \\x04: remove it"},
        Refused{std::string_view("a: \0", 4), "1:4: control character \\x00: remove it"},
        Refused{"a:\rb: 1\n", "1:3: control character \\x0d: remove it"},
        Refused{"a: caf\xe9\n", "1:7: byte \\xe9 is not UTF-8: save the file as UTF-8"},
        Refused{"\xff\xfe"
                "a",
                "1:1: byte \\xff is not UTF-8: save the file as UTF-8"},
        Refused{"a: \xc0\xaf\n", "1:4: byte \\xc0 is not UTF-8: save the file as UTF-8"},
        Refused{"a: \xed\xa0\x80\n", "1:4: byte \\xed is not UTF-8: save the file as UTF-8"}));

/// Reads `{count: N, flag: B}`.
struct Pair {
    std::uint16_t count = 7;
    bool flag = false;
};

std::optional<Pair> read_pair(const Value& value) {
    Pair pair;
    MapReader map(value, "a pair");
    map.required("count", number<std::uint16_t>("a count", 1, 9), pair.count, "5");
    map.optional("flag", boolean, pair.flag);
    map.finish();
    return pair;
}

const auto read_pairs = list_of(read_pair, {"a list of pairs", "one such as [{count: 5}]"});

TEST(MapReader, ReadsKeysInAnyOrder) {
    const auto pair = read("{flag: true, count: 3}", read_pair);
    ASSERT_TRUE(pair);
    EXPECT_EQ(pair->count, 3);
    EXPECT_TRUE(pair->flag);
}

TEST(MapReader, ReportsWhatIsMissingOrUnknown) {
    EXPECT_EQ(refusal("{flags: true}", read_pair),
              "1:1: \"count\" is missing: a pair needs it, for example count: 5\n"
              "1:2: \"flags\" is not a key of a pair: did you mean \"flag\"?");
    EXPECT_EQ(refusal("{count: 1, size: 2}", read_pair), "1:12: \"size\" is not a key of a pair: it has count, flag");
}

TEST(MapReader, SaysOnceThatThereIsNoMap) {
    EXPECT_EQ(refusal("[]", read_pair), "1:1: a list is not a pair: write a map (key: value)");
    EXPECT_EQ(refusal("7", read_pair), "1:1: \"7\" is not a pair: write a map (key: value)");
}

TEST(MapReader, DoesNotReportWhatWasReportedAlready) {
    EXPECT_EQ(refusal("[{count: *x}]", read_pairs), "1:10: aliases (*name) are not supported: write the value out");
}

TEST(ListOf, ReportsAllErrorsSortedByPosition) {
    EXPECT_EQ(refusal("[{flag: on, count: 0}, x, {count: 2}, {count: 10}]", read_pairs),
              "1:9: \"on\" is not a yes-or-no value: write true or false\n"
              "1:20: \"0\" is not a count: write a number from 1 to 9\n"
              "1:24: \"x\" is not a pair: write a map (key: value)\n"
              "1:47: \"10\" is not a count: write a number from 1 to 9");
    EXPECT_EQ(refusal("{}", read_pairs), "1:1: a map is not a list of pairs: write one such as [{count: 5}]");
}

TEST(Diagnostics, ShowsFiftyErrorsAndCountsTheRest) {
    std::string text;
    for (int i = 0; i < 60; ++i) text += "- x\n";
    const auto result = read(text, read_pairs);
    ASSERT_FALSE(result);
    ASSERT_EQ(result.error().size(), 51U);
    EXPECT_EQ(result.error()[49].to_string(), "test.yaml:50:3: \"x\" is not a pair: write a map (key: value)");
    EXPECT_EQ(result.error()[50].to_string(), "test.yaml: 10 more errors");
}

TEST(InQuotes, EscapesWhatATerminalWouldObeyAndCutsWhatIsLong) {
    EXPECT_EQ(in_quotes("a\x1b[31m\n\xc2\x9b"
                        "7"),
              "\"a\\x1b[31m\\n\\x9b7\"");
    EXPECT_EQ(in_quotes("zürich"), "\"zürich\"");
    EXPECT_EQ(in_quotes(std::string(59, 'a') + "üb"), "\"" + std::string(59, 'a') + "ü…\"") << "no half characters";
}

TEST(Load, SaysWhyAFileCannotBeRead) {
    const auto message = [](const std::string& path) {
        const auto result = load(path, read_pair);
        return result ? "accepted" : result.error().front().to_string();
    };
    EXPECT_EQ(message("/nonexistent/lbd.yaml"), "/nonexistent/lbd.yaml: cannot be opened: No such file or directory");
    EXPECT_EQ(message("/tmp"), "/tmp: cannot be read: Is a directory");
    EXPECT_EQ(message("/dev/zero"), "/dev/zero: is larger than 16 MiB: this is no configuration file");
}

TEST(Load, NamesTheFileInErrors) {
    const std::string path = testing::TempDir() + "culvert-yaml-test.yaml";
    std::ofstream(path) << "count: 0\n";
    const auto result = load(path, read_pair);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().front().to_string(), path + ":1:8: \"0\" is not a count: write a number from 1 to 9");
    std::remove(path.c_str());
}

}  // namespace
}  // namespace culvert::common::yaml
