// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

/// Configuration files for people. A file becomes a tree of `Node`s with positions. Readers turn `Value`s (a node and
/// the place to report errors to) into the program's own types. A reader is anything callable as
/// `std::optional<T>(const Value&)`; if it returns nothing, it has reported the error. All errors of a file are
/// collected, so that one run shows them all.
///
///     std::optional<Backend> read_backend(const Value& value) {
///         Backend backend;
///         MapReader map(value, "a backend");
///         map.required("address", yaml::address, backend.address, "10.0.2.30");
///         map.optional("weight", yaml::number<std::uint16_t>("a weight"), backend.weight);
///         map.finish();
///         return backend;
///     }
///     auto config = yaml::load("/etc/culvert/lbd.yaml", read_config);
///
/// The readers of scalars are in common/scalars.hpp.
namespace culvert::common::yaml {

/// Both count from 1, the column in bytes; {0, 0} is the whole file.
struct Position {
    std::size_t line = 0;
    std::size_t column = 0;

    auto operator<=>(const Position&) const = default;
};

struct Error {
    std::string file;
    Position position;
    std::string text;  ///< what is wrong, and what would be right

    bool operator==(const Error&) const = default;

    /// "lbd.yaml:7:11", or "lbd.yaml" for the whole file.
    [[nodiscard]] std::string place() const;
    /// "lbd.yaml:7:11: text", or "lbd.yaml: text" for the whole file.
    [[nodiscard]] std::string to_string() const;
};

/// Never empty, sorted by position.
using Errors = std::vector<Error>;

template <typename T>
using Result = tl::expected<T, Errors>;

/// The content of the file before it is interpreted: YAML without anchors, aliases, tags,
/// a second document and values of several lines. Keys are scalars and unique in their
/// map. Scalars have no type: `no`, `010` and `"53"` are these characters without the
/// quotes, so quoting never changes a value (but an unquoted `null` or `~` is no value).
struct Node {
    enum class Kind : std::uint8_t {
        null,      ///< nothing after the colon or dash
        scalar,    ///< in `text`
        sequence,  ///< in `items`
        map,       ///< `keys[i]` is the key of `items[i]`; in the order of the file
        refused,   ///< already reported (an alias, a key that is no scalar): readers skip it silently
    };

    Kind kind = Kind::null;
    Position position;
    std::string text;
    std::vector<Node> keys;
    std::vector<Node> items;
};

/// Collects the errors of one file.
class Diagnostics {
  public:
    explicit Diagnostics(std::string_view file) : file_(file) {}
    void add(Position position, std::string text);
    [[nodiscard]] bool empty() const { return errors_.empty(); }
    /// Sorted by position. At most the first 50; then the last one tells the number of the others.
    [[nodiscard]] Errors take() &&;

  private:
    std::string file_;
    Errors errors_;
};

/// UTF-8, at most 16 levels deep. Nothing if there is no tree to continue with. Errors are in `diagnostics`; there may
/// be errors although there is a tree.
[[nodiscard]] std::optional<Node> parse_tree(std::string_view text, Diagnostics& diagnostics);

/// The text in double quotes for a message: long text is shortened, control characters are escaped.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// What a reader expects instead of a value: "X is not <noun>: write <right>".
struct Wanted {
    std::string noun;   ///< "a port"
    std::string right;  ///< "a number from 1 to 65535"
};

/// A node and the place to report errors to. Cheap to copy; valid while the file is being read.
class Value {
  public:
    Value(const Node& node, Diagnostics& diagnostics) : node_(&node), diagnostics_(&diagnostics) {}

    [[nodiscard]] const Node& node() const { return *node_; }
    [[nodiscard]] Position position() const { return node_->position; }

    /// `return value.fail("two services have the name …");`
    std::nullopt_t fail(std::string text) const;  // NOLINT(modernize-use-nodiscard)
    /// Reports "X is not <noun>: write <right>", where X is the text, "a list" or "a map".
    std::nullopt_t mismatch(const Wanted& wanted) const;  // NOLINT(modernize-use-nodiscard)

    /// The text of a scalar; anything else is reported as an error.
    [[nodiscard]] std::optional<std::string_view> scalar(const Wanted& wanted) const;
    /// The elements of a list; anything else is reported as an error.
    [[nodiscard]] std::optional<std::vector<Value>> list(const Wanted& wanted) const;
    /// The keys and values of a map; anything else is reported as an error. For maps whose keys the user chooses. For
    /// others, use MapReader.
    [[nodiscard]] std::optional<std::vector<std::pair<Value, Value>>> map(const Wanted& wanted) const;

  private:
    const Node* node_;
    Diagnostics* diagnostics_;
};

/// A key of other tools, such as netplan, for which this map has another key, or none.
struct ForeignKey {
    std::string_view key;
    std::string_view ours;         ///< the corresponding key of this map; empty: none
    std::string_view advice = {};  ///< if there is none: what to do instead
};

/// Adds the first keys of netplan's files, which neither program has. `advice`: what to do with them.
template <std::size_t Count>
consteval auto with_netplans(const std::array<ForeignKey, Count>& keys, std::string_view advice) {
    constexpr std::array netplans{"network", "version", "renderer", "ethernets", "bonds", "vlans"};
    std::array<ForeignKey, Count + netplans.size()> all{};
    const auto end = std::ranges::copy(keys, all.begin()).out;
    std::ranges::transform(netplans, end, [advice](std::string_view key) { return ForeignKey{key, {}, advice}; });
    return all;
}

template <typename Reader>
using ValueOf = typename std::invoke_result_t<Reader, const Value&>::value_type;

/// Reads a map with known keys. It remembers the keys that were read; `finish` reports all others. If the value is not
/// a map, it reports only that, once.
class MapReader {
  public:
    /// `noun` names the object in messages ("a service"), `right` tells what to write instead of a wrong value. Both,
    /// like the keys, must outlive the reader: they are mostly literals.
    MapReader(const Value& value, std::string_view noun, std::string_view right = "a map (key: value)",
              std::span<const ForeignKey> foreign = {});

    /// The value of the key, if present.
    [[nodiscard]] std::optional<Value> find(std::string_view key);

    /// Reads the key's value into `target`, which is unchanged if the key is missing or its value is bad. True if it
    /// was read.
    template <typename Reader, typename T>
    bool optional(std::string_view key, Reader&& read, T& target) {
        const auto value = find(key);
        if (!value) return false;
        auto result = std::forward<Reader>(read)(*value);
        if (!result) return false;
        target = *std::move(result);
        return true;
    }

    /// The same, but reports a missing key: `"vip" is missing: a service needs it, for example vip: 192.0.2.1`.
    template <typename Reader, typename T>
    bool required(std::string_view key, Reader&& read, T& target, std::string_view example) {
        if (!find(key)) missing(key, example);
        return optional(key, std::forward<Reader>(read), target);
    }

    /// Reports the keys that were not read, with suggestions.
    void finish() const;

  private:
    void missing(std::string_view key, std::string_view example);
    [[nodiscard]] bool is_known(std::string_view key) const;
    void refuse(const Value& key) const;
    [[nodiscard]] std::string advice(const std::string& key) const;

    std::string_view noun_;
    std::span<const ForeignKey> foreign_;
    std::optional<Value> map_;  ///< nothing if the value is no map
    std::vector<std::pair<Value, Value>> entries_;
    std::vector<std::string_view> known_;
};

/// A reader of a list whose elements `read` reads. Bad elements are reported and left out.
template <typename Reader>
auto list_of(Reader read, Wanted wanted) {
    return [read = std::move(read), wanted = std::move(wanted)](const Value& value) {
        std::optional<std::vector<ValueOf<Reader>>> result;
        const auto elements = value.list(wanted);
        if (!elements) return result;
        result.emplace();
        for (const Value& element : *elements)
            if (auto read_element = read(element)) result->push_back(*std::move(read_element));
        return result;
    };
}

/// The content of a file of at most 16 MiB.
[[nodiscard]] Result<std::string> read_file(const std::string& path);

/// Reads `text` by `read`; `file` is its name in messages. Returns a value only if no error was reported.
template <typename Reader>
[[nodiscard]] Result<ValueOf<Reader>> parse(std::string_view file, std::string_view text, Reader&& read) {
    Diagnostics diagnostics(file);
    std::optional<ValueOf<Reader>> result;
    if (const auto tree = parse_tree(text, diagnostics)) result = read(Value(*tree, diagnostics));
    if (!diagnostics.empty() || !result) return tl::unexpected(std::move(diagnostics).take());
    return *std::move(result);
}

template <typename Reader>
[[nodiscard]] Result<ValueOf<Reader>> load(const std::string& path, Reader&& read) {
    const auto text = read_file(path);
    if (!text) return tl::unexpected(text.error());
    return parse(path, *text, std::forward<Reader>(read));
}

}  // namespace culvert::common::yaml
