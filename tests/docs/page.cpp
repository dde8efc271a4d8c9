// SPDX-License-Identifier: Apache-2.0
#include "tests/docs/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "tests/netns/harness/process.hpp"

namespace culvert::docs {

namespace {

constexpr std::string_view fence_mark = "```";

/// The matches of a pattern in a paragraph, group 1 of each.
void find_all(const Mark& paragraph, const std::regex& pattern, std::vector<Mark>& marks) {
    for (std::sregex_iterator found(paragraph.text.begin(), paragraph.text.end(), pattern), end; found != end; ++found)
        marks.push_back({paragraph.line, (*found)[1]});
}

void read_attributes(const std::string& info, Fence& fence) {
    static const std::regex attribute(R"re(([a-z]+)=(?:"([^"]*)"|(\S+)))re");
    fence.language = info.substr(0, info.find(' '));
    for (std::sregex_iterator found(info.begin(), info.end(), attribute), end; found != end; ++found)
        fence.attributes[(*found)[1]] = (*found)[2].matched ? (*found)[2] : (*found)[3];
}

/// Reads a page line by line.
class Reader {
  public:
    Reader(std::string path, std::string_view text) : text_(std::string(text)) { page_.path = std::move(path); }

    Page read() {
        while (next()) {
            if (line_.starts_with(fence_mark))
                read_fence();
            else
                read_prose();
        }
        end_paragraph();
        return std::move(page_);
    }

  private:
    bool next() {
        ++number_;
        return static_cast<bool>(std::getline(text_, line_));
    }

    void read_fence() {
        end_paragraph();
        Fence fence{.page = page_.path, .line = number_, .not_run = std::exchange(not_run_, {})};
        read_attributes(line_.substr(fence_mark.size()), fence);
        while (next()) {
            if (line_.starts_with(fence_mark)) {
                page_.fences.push_back(std::move(fence));
                return;
            }
            fence.text += line_ + '\n';
        }
        throw std::runtime_error(fence.where() + ": a fence without an end");
    }

    void read_prose() {
        static const std::regex not_run("^<!-- not run: (.+) -->$");
        static const std::regex story("^<!-- story: (.+) -->$");
        std::smatch match;
        not_run_ = std::regex_match(line_, match, not_run) ? match[1].str() : "";
        if (std::regex_match(line_, match, story)) page_.story = match[1];
        if (line_.starts_with("#")) page_.headings.push_back({number_, line_});
        if (line_.starts_with("    ") && after_blank_) page_.unmarked.push_back({number_, line_});
        after_blank_ = line_.empty();
        if (after_blank_) {
            end_paragraph();
            return;
        }
        if (paragraph_.text.empty()) paragraph_.line = number_;
        paragraph_.text += line_.substr(std::min(line_.find_first_not_of(' '), line_.size())) + ' ';
    }

    /// Code between backquotes may continue on the next line.
    void end_paragraph() {
        static const std::regex link(R"(\]\(([^)]+)\))");
        static const std::regex code("`([^`]+)`");
        find_all(paragraph_, link, page_.links);
        find_all(paragraph_, code, page_.code_spans);
        if (!paragraph_.text.empty()) page_.paragraphs.push_back(std::exchange(paragraph_, {}));
    }

    std::istringstream text_;
    Page page_;
    std::string line_;
    int number_ = 0;
    bool after_blank_ = true;
    Mark paragraph_;
    std::string not_run_;
};

/// Splits a line of shell into commands; quoted text stays whole.
std::vector<std::string> split_commands(const std::string& line) {
    std::vector<std::string> commands(1);
    char quote = 0;
    for (const char c : line) {
        if (quote == 0 && c == '#' && (commands.back().empty() || commands.back().back() == ' ')) break;
        if (quote == 0 && std::string_view("|;&()").find(c) != std::string_view::npos) {
            commands.emplace_back();
            continue;
        }
        if (c == quote)
            quote = 0;
        else if (quote == 0 && (c == '"' || c == '\''))
            quote = c;
        commands.back() += c;
    }
    return commands;
}

}  // namespace

std::string Fence::attribute(const std::string& name) const {
    const auto found = attributes.find(name);
    return found == attributes.end() ? "" : found->second;
}

std::vector<std::string> Fence::list(const std::string& name) const {
    std::vector<std::string> values;
    std::istringstream joined(attribute(name));
    for (std::string value; std::getline(joined, value, ',');) values.push_back(value);
    return values;
}

Page parse_page(std::string path, std::string_view text) { return Reader(std::move(path), text).read(); }

Page read_page(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(path + " can't be read");
    return parse_page(path, std::string(std::istreambuf_iterator<char>(file), {}));
}

std::vector<Page> all_pages() {
    std::vector<std::string> paths;
    const auto add = [&](const std::filesystem::path& path) {
        if (path.extension() == ".md") paths.push_back(path.lexically_normal().string());
    };
    for (const auto& entry : std::filesystem::directory_iterator(".")) add(entry.path());
    for (const auto& entry : std::filesystem::recursive_directory_iterator("docs")) add(entry.path());
    std::ranges::sort(paths);
    std::vector<Page> pages;
    for (const std::string& path : paths) pages.push_back(read_page(path));
    return pages;
}

std::string anchor_of(std::string_view heading) {
    heading.remove_prefix(std::min(heading.find_first_not_of("# "), heading.size()));
    std::string anchor = "#";
    for (const char c : heading) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == ' ')
            anchor += '-';
        else if (std::isalnum(byte) != 0 || c == '-' || c == '_')
            anchor += static_cast<char>(std::tolower(byte));
    }
    return anchor;
}

std::vector<std::vector<std::string>> commands_in(std::string_view shell) {
    std::vector<std::vector<std::string>> found;
    std::istringstream lines{std::string(shell)};
    for (std::string line; std::getline(lines, line);)
        for (const std::string& command : split_commands(line)) {
            auto words = netns::split_words(command);
            if (!words.empty() && (words[0] == "lbd" || words[0] == "realserver")) found.push_back(std::move(words));
        }
    return found;
}

}  // namespace culvert::docs
