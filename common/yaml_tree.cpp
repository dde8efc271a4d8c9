// SPDX-License-Identifier: Apache-2.0
// From text to `Node`s: libyaml's parser, guarded against what it accepts in silence.
#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <unordered_map>

#include "common/yaml.hpp"

namespace culvert::common::yaml {
namespace {

constexpr std::size_t deepest = 16;

/// Thrown out of the parser when reading on makes no sense; the reason is reported already.
struct Stop {};

Position position_at(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, offset);
    const auto line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    return {static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1, offset - line_start + 1};
}

/// Length of the UTF-8 character at the start of `text` (RFC 3629 section 4), 0 if there is none.
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

/// What no line may hold. libyaml ends a line at a lone carriage return and at what Unicode has for it.
std::optional<std::string> bad_character(std::string_view rest, bool in_indentation) {
    const auto c = static_cast<unsigned char>(rest[0]);
    if (c == '\t' && in_indentation) return "a tab in the indentation: YAML wants spaces";
    const bool allowed = c == '\t' || c == '\n' || rest.starts_with("\r\n") || rest == "\r";
    for (const std::string_view line_end : {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"})
        if (rest.starts_with(line_end)) return "a line end that only Unicode knows: remove it";
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

/// What libyaml's messages mean to someone who writes a configuration.
std::string explain(std::string_view problem, std::string_view text, std::size_t offset) {
    struct Meaning {
        std::string_view problem;
        std::string_view text;
    };
    static constexpr std::array meanings{
        Meaning{"mapping values are not allowed",
                "this colon cannot start a value: check the indentation, and quote text with colons in it"},
        Meaning{"found unexpected ':'", "this colon cannot stand here: quote text with colons in it"},
        Meaning{"mapping keys are not allowed", "no key can stand here: check the indentation"},
        Meaning{"block sequence entries are not allowed", "no list item can stand here: start it on a line of its own"},
        Meaning{"did not find expected ',' or '}'",
                "a comma or the closing } is missing before this; quote text that ends in a colon"},
        Meaning{"did not find expected ',' or ']'", "a comma or the closing ] is missing before this"},
        Meaning{"did not find expected key", "this is no key of the map above: check the indentation"},
        Meaning{"could not find expected ':'", "a key without a colon: check the indentation, and the line above"},
        Meaning{"did not find expected '-' indicator", "this is no item of the list above: check the indentation"},
        Meaning{"did not find expected <document start>", "this belongs to nothing above: check the indentation"},
        Meaning{"found unknown escape character",
                "in double quotes a backslash starts an escape, and this is none: use single quotes"},
        Meaning{"found character that cannot start any token",
                "no value can start with this character: quote the value"},
    };
    const auto one_of = [](char c, std::string_view several) { return several.find(c) != std::string_view::npos; };
    const auto last = text.substr(0, offset).find_last_not_of(' ');
    if (problem == "did not find expected key" && last != std::string_view::npos && one_of(text[last], "]}\"'"))
        return fmt::format("text after the closing {}: quote the value as a whole", text[last]);
    if (problem.starts_with("did not find expected") && offset < text.size() && one_of(text[offset], "]}"))
        return "this bracket closes nothing that is open: check the brackets, or quote the text it is part of";
    for (const Meaning& meaning : meanings)
        if (problem.starts_with(meaning.problem)) return std::string(meaning.text);
    return fmt::format("not YAML: {}", problem);
}

/// From the parser's marks, which count characters, to bytes of the text. They come nearly in order.
class Places {
  public:
    explicit Places(std::string_view text) : text_(text) {
        for (std::size_t i = 0; i < text.size(); ++i)
            if (text[i] == '\n') lines_.push_back(i + 1);
    }

    std::size_t offset(const yaml_mark_t& mark) {
        const auto continues = [this](std::size_t i) { return (static_cast<unsigned char>(text_[i]) & 0xc0) == 0x80; };
        for (; characters_ < mark.index && bytes_ < text_.size(); ++characters_)
            bytes_ += utf8_length(text_.substr(bytes_));
        for (; characters_ > mark.index; --characters_) do
                --bytes_;
            while (continues(bytes_));
        return bytes_;
    }
    Position position(const yaml_mark_t& mark) {
        const std::size_t line = std::min(mark.line, lines_.size() - 1);
        return {line + 1, offset(mark) - lines_[line] + 1};
    }

  private:
    std::string_view text_;
    std::vector<std::size_t> lines_{0};  // where each starts
    std::size_t characters_ = 0;         // of which the first
    std::size_t bytes_ = 0;              // are these
};

/// Builds the tree from the parser's events.
class Builder {
  public:
    Builder(std::string_view text, Diagnostics& diagnostics) : text_(text), places_(text), diagnostics_(diagnostics) {}

    [[nodiscard]] std::optional<Node> take() && { return std::move(root_); }

    void take(const yaml_event_t& event) {
        const yaml_mark_t& mark = event.start_mark;
        switch (event.type) {
            case YAML_DOCUMENT_START_EVENT:
                if (root_) stop(mark, "a second document: a configuration is a single one");
                return;
            case YAML_ALIAS_EVENT:
                diagnostics_.add(places_.position(mark), "aliases (*name) are not supported: write the value out");
                return add({Node::Kind::refused, places_.position(mark), {}, {}, {}});
            case YAML_SCALAR_EVENT:
                return take(event.data.scalar, mark);
            case YAML_SEQUENCE_START_EVENT:
                check_properties(mark, event.data.sequence_start);
                return open(Node::Kind::sequence, mark);
            case YAML_MAPPING_START_EVENT:
                check_properties(mark, event.data.mapping_start);
                return open(Node::Kind::map, mark);
            case YAML_SEQUENCE_END_EVENT:
                return close();
            case YAML_MAPPING_END_EVENT:
                check_twice();
                return close();
            default:
                return;
        }
    }

    /// What made the parser give up.
    void complain(const yaml_parser_t& parser) {
        if (parser.error == YAML_MEMORY_ERROR) throw std::bad_alloc();
        if (parser.error == YAML_READER_ERROR)
            return diagnostics_.add(position_at(text_, std::min(parser.problem_offset, text_.size())),
                                    explain(parser.problem, {}, 0));
        const bool is_quote =
            parser.context != nullptr && std::string_view(parser.context) == "while scanning a quoted scalar";
        const std::size_t start = places_.offset(parser.context_mark);
        if (is_quote && start < text_.size() && !closes(text_.substr(start)))
            return diagnostics_.add(places_.position(parser.context_mark), unclosed(text_[start]));
        diagnostics_.add(places_.position(parser.problem_mark),
                         explain(parser.problem, text_, places_.offset(parser.problem_mark)));
    }

  private:
    using Scalar = decltype(yaml_event_t{}.data.scalar);

    static bool is_null(const Scalar& scalar, std::string_view value) {
        return scalar.style == YAML_PLAIN_SCALAR_STYLE &&
               (value.empty() || value == "~" || value == "null" || value == "Null" || value == "NULL");
    }

    void take(const Scalar& scalar, const yaml_mark_t& mark) {
        std::string value(reinterpret_cast<const char*>(scalar.value), scalar.length);
        const bool plain = check_properties(mark, scalar);
        if (is_null(scalar, value)) {
            Node node{Node::Kind::null, places_.position(mark), {}, {}, {}};
            // The mark is that of whatever comes next, maybe lines below: the key says where the value is missing.
            if (expects_value()) node.position = open_.back().keys.back().position;
            return add(std::move(node));
        }
        if (plain) check_line(mark, value);
        add({Node::Kind::scalar, places_.position(mark), std::move(value), {}, {}});
    }

    void check_twice() {
        std::unordered_map<std::string_view, Position> seen;
        for (const Node& key : open_.back().keys) {
            if (key.kind != Node::Kind::scalar) continue;
            const auto [first, is_new] = seen.emplace(key.text, key.position);
            if (!is_new)
                diagnostics_.add(key.position, fmt::format("{} is here twice, first in line {}: remove one",
                                                           in_quotes(key.text), first->second.line));
        }
    }

    [[noreturn]] void stop(const yaml_mark_t& mark, std::string text) {
        diagnostics_.add(places_.position(mark), std::move(text));
        throw Stop{};
    }

    /// True if the value starts at the mark, without a tag or an anchor.
    template <typename Properties>
    bool check_properties(const yaml_mark_t& mark, const Properties& node) {
        if (node.anchor != nullptr)
            diagnostics_.add(places_.position(mark),
                             "anchors (&name) are not supported: write the value out where it is used");
        else if (node.tag != nullptr)
            diagnostics_.add(places_.position(mark), "tags (!name) are not supported: remove it");
        return node.anchor == nullptr && node.tag == nullptr;
    }

    static std::string unclosed(char quote) { return fmt::format("the quote {} is not closed in this line", quote); }

    /// A scalar that runs on into the next line is a slip: a quote left open, a comma or a bracket left out, a line
    /// indented too far.
    void check_line(const yaml_mark_t& mark, const std::string& value) {
        const std::string_view rest = text_.substr(std::min(places_.offset(mark), text_.size()));
        if (rest.starts_with('"') || rest.starts_with('\'')) {
            if (!closes(rest)) stop(mark, unclosed(rest.front()));
        } else if (!rest.starts_with('|') && !rest.starts_with('>') && !rest.starts_with(value)) {
            stop(mark,
                 "this value runs on into the next line: check that line's indentation, or a missing comma or bracket");
        }
    }

    /// Whether the text's first line, which starts with a quote, has the one that closes it.
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

    void open(Node::Kind kind, const yaml_mark_t& mark) {
        if (open_.size() == deepest) stop(mark, fmt::format("nested more than {} levels deep", deepest));
        open_.push_back({kind, places_.position(mark), {}, {}, {}});
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
    Places places_;
    Diagnostics& diagnostics_;
    std::vector<Node> open_;
    std::optional<Node> root_;
};

class Parser {
  public:
    explicit Parser(std::string_view text) {
        if (yaml_parser_initialize(&parser_) == 0) throw std::bad_alloc();
        yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    }
    ~Parser() { yaml_parser_delete(&parser_); }
    Parser(const Parser&) = delete;
    Parser& operator=(const Parser&) = delete;

    /// Hands every event to the builder; false if the text is not YAML.
    bool parse(Builder& builder) {
        for (bool more = true; more;) {
            yaml_event_t event{};
            const std::unique_ptr<yaml_event_t, decltype(&yaml_event_delete)> owned(&event, yaml_event_delete);
            if (yaml_parser_parse(&parser_, &event) == 0) return false;
            builder.take(event);
            more = event.type != YAML_STREAM_END_EVENT;
        }
        return true;
    }
    [[nodiscard]] const yaml_parser_t& state() const { return parser_; }

  private:
    yaml_parser_t parser_{};
};

}  // namespace

std::optional<Node> parse_tree(std::string_view text, Diagnostics& diagnostics) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    if (!check_characters(text, diagnostics)) return std::nullopt;
    Builder builder(text, diagnostics);
    try {
        Parser parser(text);
        if (!parser.parse(builder)) {
            builder.complain(parser.state());
            return std::nullopt;
        }
    } catch (const Stop&) {
        return std::nullopt;
    }
    auto root = std::move(builder).take();
    if (!root || root->kind == Node::Kind::null) {
        diagnostics.add({}, "nothing in the file but space and comments");
        return std::nullopt;
    }
    return root;
}

}  // namespace culvert::common::yaml
