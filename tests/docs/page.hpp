// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

/// The pages of the documentation for the tests. tests/docs/README.md describes the marks of a fence.
namespace culvert::docs {

struct Fence {
    std::string page;  ///< path relative to the sources
    int line = 0;      ///< of its first line
    std::string language;
    /// The words after the language: host="b1,b2".
    std::map<std::string, std::string> attributes;
    std::string not_run;  ///< the reason of `<!-- not run: … -->` above it
    std::string text;

    [[nodiscard]] std::string where() const { return page + ":" + std::to_string(line); }
    /// Empty if the attribute is missing.
    [[nodiscard]] std::string attribute(const std::string& name) const;
    /// The comma-separated values of the attribute.
    [[nodiscard]] std::vector<std::string> list(const std::string& name) const;
};

/// A heading with its line; or a link's target or text between backquotes, with the first line of its paragraph.
struct Mark {
    int line = 0;
    std::string text;
};

struct Page {
    std::string path;
    std::vector<Fence> fences;
    std::vector<Mark> headings;    ///< "## Clean up"
    std::vector<Mark> links;       ///< "operate.md#reload"
    std::vector<Mark> code_spans;  ///< `lbd check`
    std::vector<Mark> paragraphs;  ///< each on one line
    std::vector<Mark> unmarked;    ///< lines of a code block without a fence
    std::string story;             ///< of `<!-- story: … -->`
};

/// Throws if a fence is not closed.
[[nodiscard]] Page parse_page(std::string path, std::string_view text);
/// From the sources, where tests run.
[[nodiscard]] Page read_page(const std::string& path);
/// README.md and other pages at the root, and all of docs/, in order.
[[nodiscard]] std::vector<Page> all_pages();

/// "#2-configure-the-balancer" for a heading, as GitHub generates it.
[[nodiscard]] std::string anchor_of(std::string_view heading);

/// The commands of lbd and realserver in lines of shell, each as a list of words, without comments, pipes and quotation
/// marks.
[[nodiscard]] std::vector<std::vector<std::string>> commands_in(std::string_view shell);

}  // namespace culvert::docs
