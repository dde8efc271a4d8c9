// SPDX-License-Identifier: Apache-2.0
// From text to `Node`s: yaml-cpp's parser, with checks for errors that it silently accepts.
#include <fmt/format.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <unordered_map>

#include "common/yaml.hpp"

namespace culvert::common::yaml {
namespace {

constexpr std::size_t deepest = 16;

/// Thrown out of the parser when it can't continue. The reason is reported already.
struct Stop {};

Position position_at(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, offset);
    const auto line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    return {static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1, offset - line_start + 1};
}

/// Length of the UTF-8 character at the start of `text` (RFC 3629 section 4); 0: not UTF-8.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const auto continues = [byte](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first < 0xe0) return continues(1) ? 2 : 0;
    if (first >= 0xe0 && first < 0xf0) {
        const bool overlong = first == 0xe0 && byte(1) < 0xa0;
        const bool surrogate = first == 0xed && byte(1) >= 0xa0;
        return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (first >= 0xf0 && first < 0xf5) {
        const bool overlong = first == 0xf0 && byte(1) < 0x90;
        const bool beyond = first == 0xf4 && byte(1) >= 0x90;
        return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

/// Finds forbidden characters. yaml-cpp takes byte 4 for the end of the file, and ignores a lone carriage return.
std::optional<std::string> bad_character(std::string_view rest, bool in_indentation) {
    const auto c = static_cast<unsigned char>(rest[0]);
    if (c == '\t' && in_indentation) return "a tab in the indentation: YAML requires spaces";
    const bool allowed = c == '\t' || c == '\n' || rest.starts_with("\r\n") || rest == "\r";
    if ((c < 0x20 && !allowed) || c == 0x7f) return fmt::format("control character \\x{:02x}: remove it", c);
    if (utf8_length(rest) == 0) return fmt::format("byte \\x{:02x} is not UTF-8: save the file as UTF-8", c);
    return std::nullopt;
}

bool check_characters(std::string_view text, Diagnostics& diagnostics) {
    bool in_indentation = true;
    for (std::size_t i = 0; i < text.size(); i += utf8_length(text.substr(i))) {
        if (auto problem = bad_character(text.substr(i), in_indentation)) {
            diagnostics.add(position_at(text, i), *std::move(problem));
            return false;
        }
        in_indentation = text[i] == '\n' || (in_indentation && text[i] == ' ');
    }
    return true;
}

/// Translates yaml-cpp's messages for authors of configurations.
std::string explain(const std::string& message, std::string_view text, std::size_t offset) {
    struct Meaning {
        std::string_view message;
        std::string_view text;
    };
    static constexpr std::array meanings{
        Meaning{"illegal map value",
                "this colon cannot start a value: check the indentation, and quote text with colons in it"},
        Meaning{"illegal map key", "no key can stand here: check the indentation"},
        Meaning{"illegal block entry", "no list item can stand here: start it on a line of its own"},
        Meaning{"illegal flow end",
                "this bracket closes nothing that is open: check the brackets, or quote the text it is part of"},
        Meaning{"end of map flow not found",
                "a comma or the closing } is missing before this; quote text that ends in a colon"},
        Meaning{"end of sequence flow not found", "a comma or the closing ] is missing before this"},
        Meaning{"end of map not found", "this is no key of the map above: check the indentation"},
        Meaning{"end of sequence not found", "this is no item of the list above: check the indentation"},
        Meaning{"the referenced anchor is not defined", "aliases (*name) are not supported: write the value out"},
        Meaning{"unknown escape character",
                "in double quotes a backslash starts an escape, and this is none: use single quotes"},
        Meaning{"unknown token", "no value can start with this character: quote the value"},
    };
    const auto last = text.substr(0, offset).find_last_not_of(' ');
    if (message.starts_with("end of map not found") && last != std::string_view::npos &&
        std::string_view("]}\"'").find(text[last]) != std::string_view::npos)
        return fmt::format("text after the closing {}: quote the value as a whole", text[last]);
    for (const Meaning& meaning : meanings)
        if (message.starts_with(meaning.message)) return std::string(meaning.text);
    return "not YAML: " + message;
}

/// Builds the tree from the parser's events.
class Builder final : public YAML::EventHandler {
  public:
    Builder(std::string_view text, Diagnostics& diagnostics) : text_(text), diagnostics_(diagnostics) {}

    [[nodiscard]] std::optional<Node> take() && { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (!root_) return;
        const bool marked = text_.substr(offset(mark)).starts_with("---");
        stop(mark, marked ? "a second document: a configuration is a single one"
                          : "this belongs to nothing above: check the indentation");
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        check_properties(mark, "", anchor);
        Node node{Node::Kind::null, position(mark), {}, {}, {}};
        // The mark is the next token's, perhaps lines below. The key shows where the value is missing.
        if (expects_value()) node.position = open_.back().keys.back().position;
        add(std::move(node));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
        diagnostics_.add(position(mark), "aliases (*name) are not supported: write the value out");
        add({Node::Kind::refused, position(mark), {}, {}, {}});
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        if (check_properties(mark, tag, anchor)) check_line(mark, value);
        add({Node::Kind::scalar, position(mark), value, {}, {}});
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value /*style*/) override {
        check_properties(mark, tag, anchor);
        open(Node::Kind::sequence, mark);
    }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value /*style*/) override {
        check_properties(mark, tag, anchor);
        open(Node::Kind::map, mark);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapEnd() override {
        std::unordered_map<std::string_view, Position> seen;
        for (const Node& key : open_.back().keys) {
            if (key.kind != Node::Kind::scalar) continue;
            const auto [first, is_new] = seen.emplace(key.text, key.position);
            if (!is_new)
                diagnostics_.add(key.position, fmt::format("{} is here twice, first in line {}: remove one",
                                                           in_quotes(key.text), first->second.line));
        }
        close();
    }

  private:
    static std::size_t offset(const YAML::Mark& mark) { return static_cast<std::size_t>(std::max(mark.pos, 0)); }
    static Position position(const YAML::Mark& mark) {
        return {static_cast<std::size_t>(std::max(mark.line, 0)) + 1,
                static_cast<std::size_t>(std::max(mark.column, 0)) + 1};
    }

    [[noreturn]] void stop(const YAML::Mark& mark, std::string text) {
        diagnostics_.add(position(mark), std::move(text));
        throw Stop{};
    }

    /// True if the value starts at the mark, without a tag or an anchor.
    bool check_properties(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        const bool tagged = (!tag.empty() && tag != "?" && tag != "!") || text_.substr(offset(mark)).starts_with('!');
        if (anchor != YAML::NullAnchor)
            diagnostics_.add(position(mark), "anchors (&name) are not supported: write the value out where it is used");
        else if (tagged)
            diagnostics_.add(position(mark), "tags (!name) are not supported: remove it");
        return anchor == YAML::NullAnchor && !tagged;
    }

    /// A scalar that continues on the next line is a mistake: an open quote (yaml-cpp even takes the end of the file
    /// for the closing one), a missing comma or bracket, a line indented too far.
    void check_line(const YAML::Mark& mark, const std::string& value) {
        const std::string_view rest = text_.substr(std::min(offset(mark), text_.size()));
        if (rest.starts_with('"') || rest.starts_with('\'')) {
            if (!closes(rest)) stop(mark, fmt::format("the quote {} is not closed in this line", rest.front()));
        } else if (!rest.starts_with('|') && !rest.starts_with('>') && !rest.starts_with(value)) {
            stop(mark,
                 "this value runs on into the next line: check that line's indentation, or a missing comma or bracket");
        }
    }

    /// Whether the text's first line, which starts with a quote, has the closing quote.
    static bool closes(std::string_view text) {
        const char quote = text.front();
        const auto ends_line = [&](std::size_t i) { return i >= text.size() || text[i] == '\n' || text[i] == '\r'; };
        for (std::size_t i = 1; !ends_line(i); ++i) {
            const bool escapes =
                (quote == '"' && text[i] == '\\') || (quote == '\'' && text.substr(i).starts_with("''"));
            if (!escapes && text[i] == quote) return true;
            if (escapes && !ends_line(i + 1)) ++i;
        }
        return false;
    }

    [[nodiscard]] bool expects_value() const {
        return !open_.empty() && open_.back().kind == Node::Kind::map &&
               open_.back().keys.size() > open_.back().items.size();
    }

    void open(Node::Kind kind, const YAML::Mark& mark) {
        if (open_.size() == deepest) stop(mark, fmt::format("nested more than {} levels deep", deepest));
        open_.push_back({kind, position(mark), {}, {}, {}});
    }

    void close() {
        Node node = std::move(open_.back());
        open_.pop_back();
        add(std::move(node));
    }

    void add(Node node) {
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        Node& parent = open_.back();
        if (parent.kind == Node::Kind::sequence || expects_value()) {
            parent.items.push_back(std::move(node));
            return;
        }
        if (node.kind != Node::Kind::scalar && node.kind != Node::Kind::refused) {
            diagnostics_.add(node.position, "a key must be plain text");
            node.kind = Node::Kind::refused;
        }
        parent.keys.push_back(std::move(node));
    }

    std::string_view text_;
    Diagnostics& diagnostics_;
    std::vector<Node> open_;
    std::optional<Node> root_;
};

}  // namespace

std::optional<Node> parse_tree(std::string_view text, Diagnostics& diagnostics) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    if (!check_characters(text, diagnostics)) return std::nullopt;
    Builder builder(text, diagnostics);
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const Stop&) {
        return std::nullopt;
    } catch (const YAML::Exception& error) {
        const auto offset = static_cast<std::size_t>(std::max(error.mark.pos, 0));
        diagnostics.add(position_at(text, std::min(offset, text.size())), explain(error.msg, text, offset));
        return std::nullopt;
    }
    auto root = std::move(builder).take();
    if (!root || root->kind == Node::Kind::null) {
        diagnostics.add({}, "the file has only spaces and comments");
        return std::nullopt;
    }
    return root;
}

}  // namespace culvert::common::yaml
