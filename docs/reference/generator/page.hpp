// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// The reference: pages made from the tables of the code and from the JSON Schemas.
namespace culvert::reference {

/// The first column names what a row is about, another one describes it. Cells are plain text; an empty one is left out
/// in manual pages.
struct Table {
    std::string title;  ///< may be empty
    std::string intro;  ///< may be empty; lines that begin with two spaces are a list: "  term  what it is"
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;
    std::size_t described_by = 0;  ///< the column that describes; 0: the last

    [[nodiscard]] std::size_t text() const { return described_by == 0 ? columns.size() - 1 : described_by; }
};

/// A paragraph of an intro, or an element of a list in it.
struct Paragraph {
    std::string text;
    bool is_element = false;
};
[[nodiscard]] std::vector<Paragraph> paragraphs(const std::string& intro);

struct Page {
    std::string name;  ///< of the file, without its ending
    std::string title;
    std::string intro;
    std::vector<Table> tables;
};

/// GitHub Flavored Markdown, with a comment that says how to write the page anew.
[[nodiscard]] std::string to_markdown(const Page& page);

/// A section of a manual page, in the format of scdoc(5); without the page's title, which stands in the frame.
[[nodiscard]] std::string to_manual(const Page& page);

/// One for each page of the reference; `source` is the root of the source tree, which has the schemas.
[[nodiscard]] std::vector<Page> all_pages(const std::string& source);

/// README.md: the list of the pages.
[[nodiscard]] std::string index(const std::vector<Page>& pages);

// The pages.
[[nodiscard]] Page configuration_page(const std::string& source, const std::string& file);
[[nodiscard]] Page lbd_drop_reasons();
[[nodiscard]] Page realserver_drop_reasons();
[[nodiscard]] Page lbd_metrics();
[[nodiscard]] Page lbd_commands();
[[nodiscard]] Page realserver_commands();
[[nodiscard]] Page lbd_findings();
[[nodiscard]] Page realserver_findings();
[[nodiscard]] Page lbd_log_events();
[[nodiscard]] Page realserver_log_events();
[[nodiscard]] Page lbd_json();
[[nodiscard]] Page realserver_json();

}  // namespace culvert::reference
