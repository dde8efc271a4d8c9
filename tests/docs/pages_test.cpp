// SPDX-License-Identifier: Apache-2.0
//
// Checks the documentation: links have a target, configurations load, and each command line of lbd and realserver has a
// command, options and words that --help of the program names.
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "tests/docs/page.hpp"
#include "tests/netns/harness/process.hpp"

namespace culvert::docs {
namespace {

using netns::Output;
using netns::Process;
using testing::ElementsAre;

Output run(const netns::Arguments& words) {
    return Process(words, {}, [] { return true; }).wait();
}

/// The syntax that `--help` of a program, or of one of its commands, describes.
class Usage {
  public:
    explicit Usage(const netns::Arguments& words) {
        auto with_help = words;
        with_help.emplace_back("--help");
        const Output output = run(with_help);
        if (!output.ok()) return;
        text_ = output.out;
        static const std::regex option(R"(^  (-[^ ,]+)(?:,(-[^ ]+))?( [^ ]+)?)");
        static const std::regex command("^  ([a-z]+)  ");
        std::istringstream lines(text_);
        std::string section;
        std::smatch match;
        for (std::string line; std::getline(lines, line);) {
            if (line.ends_with(':') && !line.starts_with(' ')) section = line;
            if (section == "Options:" && std::regex_search(line, match, option))
                for (const int group : {1, 2})
                    if (match[group].matched) options_[match[group]] = match[3].matched;
            if (section == "Subcommands:" && std::regex_search(line, match, command)) commands_.insert(match[1]);
            has_words_ = has_words_ || section == "Positionals:";
        }
    }

    [[nodiscard]] bool exists() const { return !text_.empty(); }
    [[nodiscard]] bool has_command(const std::string& name) const { return commands_.contains(name); }
    [[nodiscard]] bool has_words() const { return has_words_; }
    /// Whether this option has a value; nothing if there is no such option.
    [[nodiscard]] std::optional<bool> takes_value(const std::string& option) const {
        const auto found = options_.find(option);
        return found == options_.end() ? std::nullopt : std::optional(found->second);
    }
    /// Whether the text contains the word.
    [[nodiscard]] bool names(const std::string& word) const {
        return std::regex_search(text_, std::regex("\\b" + word + "\\b"));
    }

  private:
    std::string text_;
    std::map<std::string, bool> options_;
    std::set<std::string> commands_;
    bool has_words_ = false;
};

const Usage& usage_of(const netns::Arguments& words) {
    static std::map<netns::Arguments, Usage> known;
    const auto found = known.find(words);
    return found != known.end() ? found->second : known.emplace(words, Usage(words)).first->second;
}

/// The error in a command line; empty if there is none. `words` begins with lbd or realserver.
std::string complaint_about(const std::vector<std::string>& words) {
    const std::vector<std::string> program{words[0]};
    const Usage& general = usage_of(program);
    const Usage* usage = nullptr;
    std::string command;
    for (std::size_t at = 1; at < words.size(); ++at) {
        std::string option = words[at].substr(0, words[at].find('='));
        if (option == "-br") option = "--brief";
        if (option.size() < 2 || option[0] != '-') {
            if (usage == nullptr) {
                command = words[at];
                if (!general.has_command(command)) return command + " is no command";
                usage = &usage_of({words[0], command});
                if (!usage->exists()) return command + " --help fails";
                continue;
            }
            if (!usage->has_words()) return words[at] + " follows a command that has no further words";
            if ((command == "show" || command == "render") && !usage->names(words[at]))
                return words[at] + " is not in its --help";
            continue;
        }
        auto takes_value = usage != nullptr ? usage->takes_value(option) : std::nullopt;
        if (!takes_value) takes_value = general.takes_value(option);
        if (!takes_value) return option + " is not in its --help";
        if (*takes_value && words[at].find('=') == std::string::npos) ++at;
    }
    return {};
}

/// The errors in all command lines of a text, one line each.
std::string complaints_about(std::string_view shell) {
    std::string text;
    for (const auto& words : commands_in(shell))
        if (const auto wrong = complaint_about(words); !wrong.empty())
            text += words[0] + (words.size() > 1 ? " " + words[1] : "") + ": " + wrong + '\n';
    return text;
}

TEST(Pages, AreAllThere) {
    std::vector<std::string> paths;
    for (const Page& page : all_pages()) paths.push_back(page.path);
    EXPECT_THAT(paths, testing::IsSupersetOf({"README.md", "docs/quickstart.md", "docs/design/guard.md"}));
}

TEST(Pages, HaveNoFenceThatNobodyLooksAt) {
    const std::set<std::string> languages{"sh", "yaml", "text"};
    for (const Page& page : all_pages()) {
        for (const Mark& line : page.unmarked)
            ADD_FAILURE() << page.path << ':' << line.line << ": write a fence with its language: " << line.text;
        for (const Fence& fence : page.fences) {
            EXPECT_TRUE(languages.contains(fence.language))
                << fence.where() << ": its language must be sh, yaml or text: \"" << fence.language << '"';
            if (fence.language != "sh") continue;
            EXPECT_NE(fence.attribute("host").empty(), fence.not_run.empty())
                << fence.where() << ": write the host that runs it, or above it <!-- not run: REASON -->";
        }
    }
}

TEST(Pages, LinkToWhatIsThere) {
    for (const Page& page : all_pages())
        for (const Mark& link : page.links) {
            if (link.text.starts_with("http")) continue;
            const std::string file = link.text.substr(0, link.text.find('#'));
            const auto target = file.empty()
                                    ? std::filesystem::path(page.path)
                                    : (std::filesystem::path(page.path).parent_path() / file).lexically_normal();
            ASSERT_TRUE(std::filesystem::exists(target)) << page.path << ':' << link.line << ": " << link.text;
            if (link.text.size() == file.size()) continue;
            std::vector<std::string> anchors;
            for (const Mark& heading : read_page(target).headings) anchors.push_back(anchor_of(heading.text));
            EXPECT_THAT(anchors, testing::Contains(link.text.substr(file.size()))) << page.path << ':' << link.line;
        }
}

TEST(Pages, NameFilesThatAreThere) {
    static const std::regex source(
        "(bpf|common|demo|examples|lbd|netlink|packaging|realserver|scripts|templates|tests)"
        "/[a-z_0-9/.*-]*");
    std::size_t seen = 0;
    for (const Page& page : all_pages())
        for (const Mark& code : page.code_spans) {
            if (!std::regex_match(code.text, source)) continue;
            ++seen;
            const std::string path = code.text.substr(0, code.text.find('*'));
            const auto is_there = [&](const std::string& ending) { return std::filesystem::exists(path + ending); };
            const bool names_sources = code.text.ends_with(".*") || path.find('.') == std::string::npos;
            EXPECT_TRUE(is_there("") || (names_sources && (is_there("cpp") || is_there(".cpp"))))
                << page.path << ':' << code.line << ": " << code.text;
        }
    EXPECT_GE(seen, 30U);
}

TEST(Pages, HaveConfigurationsThatLoad) {
    const std::string directory = testing::TempDir() + "/culvert-docs-" + std::to_string(getpid());
    std::filesystem::create_directories(directory);
    int lbd = 0, realserver = 0;
    for (const Page& page : all_pages())
        for (const Fence& fence : page.fences) {
            if (fence.language != "yaml") continue;
            SCOPED_TRACE(fence.where());
            const bool is_lbd = fence.text.starts_with("# /etc/culvert/lbd.yaml\n");
            ASSERT_TRUE(is_lbd || fence.text.starts_with("# /etc/culvert/realserver.yaml\n"))
                << "its first line must name the file";
            ++(is_lbd ? lbd : realserver);
            const std::string file = directory + "/config.yaml";
            std::ofstream(file) << fence.text;
            const Output loaded =
                is_lbd ? run({"lbd", "check", "-c", file}) : run({"realserver", "render", "sysctl", "-c", file});
            EXPECT_EQ(loaded.status, 0) << loaded;
        }
    std::filesystem::remove_all(directory);
    EXPECT_GE(lbd, 3);
    EXPECT_GE(realserver, 3);
}

TEST(Pages, HaveCommandLinesThatTheProgramsKnow) {
    std::size_t seen = 0;
    for (const Page& page : all_pages()) {
        for (const Fence& fence : page.fences) {
            if (fence.language != "sh") continue;
            seen += commands_in(fence.text).size();
            EXPECT_EQ(complaints_about(fence.text), "") << fence.where();
        }
        for (const Mark& code : page.code_spans)
            EXPECT_EQ(complaints_about(code.text), "") << page.path << ':' << code.line << ": " << code.text;
    }
    EXPECT_GE(seen, 50U);
}

TEST(ManualPages, HaveCommandLinesThatTheProgramsKnow) {
    static const std::regex bold(R"(\*((?:lbd|realserver) [^*]+)\*)");
    std::size_t seen = 0;
    for (const auto& entry : std::filesystem::directory_iterator("packaging/man")) {
        if (entry.path().extension() != ".scd") continue;
        const Page page = read_page(entry.path());
        for (const Fence& fence : page.fences) {
            seen += commands_in(fence.text).size();
            EXPECT_EQ(complaints_about(fence.text), "") << fence.where();
        }
        for (const Mark& paragraph : page.paragraphs)
            for (std::sregex_iterator found(paragraph.text.begin(), paragraph.text.end(), bold), end; found != end;
                 ++found) {
                ++seen;
                EXPECT_EQ(complaints_about((*found)[1].str()), "") << page.path << ':' << paragraph.line;
            }
    }
    EXPECT_GE(seen, 5U);
}

// Proves that the checks above find errors.

TEST(CommandLines, ThatTheProgramsDoNotKnowAreFound) {
    for (const auto* wrong : {"lbd balance", "lbd show --verbose", "lbd show services backs", "lbd reload now",
                              "realserver render units", "true && realserver apply --dry"})
        EXPECT_NE(complaints_about(wrong), "") << wrong;
    for (const auto* right : {"lbd", "lbd --version", "lbd show backends -br -4", "lbd drain b1 --service=web --wait",
                              "lbd explain --src 10.0.0.1:1 --dst VIP:PORT", "realserver -c FILE plan # lbd nonsense"})
        EXPECT_EQ(complaints_about(right), "") << right;
}

TEST(CommandLines, AreFoundBetweenOthers) {
    EXPECT_THAT(commands_in("curl x | grep lbd; lbd stop && (realserver 'a b' # lbd\n)\nlbd show"),
                ElementsAre(ElementsAre("lbd", "stop"), ElementsAre("realserver", "a b"), ElementsAre("lbd", "show")));
}

TEST(PageReader, FindsFencesMarksAndLinks) {
    const Page page = parse_page("p.md",
                                 "# Title `lbd\nx`\n<!-- story: other.md -->\n[a](b.md#c)\n\n    unmarked\n"
                                 "<!-- not run: why -->\n```sh host=a,b stays=\"x y\"\n# text\n```\n```yaml\n```\n");
    ASSERT_EQ(page.fences.size(), 2U);
    const Fence& fence = page.fences[0];
    EXPECT_EQ(fence.where(), "p.md:8");
    EXPECT_EQ(fence.language, "sh");
    EXPECT_THAT(fence.list("host"), ElementsAre("a", "b"));
    EXPECT_EQ(fence.attribute("stays"), "x y");
    EXPECT_EQ(fence.not_run, "why");
    EXPECT_EQ(fence.text, "# text\n");
    EXPECT_EQ(page.fences[1].not_run, "");
    EXPECT_EQ(page.story, "other.md");
    EXPECT_EQ(page.headings.size(), 1U);
    EXPECT_EQ(page.links.at(0).text, "b.md#c");
    EXPECT_EQ(page.code_spans.at(0).text, "lbd x");
    EXPECT_EQ(page.unmarked.size(), 1U);
    EXPECT_EQ(anchor_of("## 2. Configure the `lbd`: (now)"), "#2-configure-the-lbd-now");
    EXPECT_THROW((void)parse_page("p.md", "```sh\n"), std::runtime_error);
}

}  // namespace
}  // namespace culvert::docs
