// SPDX-License-Identifier: Apache-2.0
#include "common/yaml.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "common/suggest.hpp"

namespace culvert::common::yaml {
namespace {

constexpr std::size_t errors_shown = 50;
constexpr std::size_t longest_quotation = 60;
constexpr std::size_t largest_file = 16 << 20;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::string_view key_of(const std::pair<Value, Value>& entry) { return entry.first.node().text; }

tl::unexpected<Errors> file_failure(const std::string& path, std::string text) {
    return tl::unexpected(Errors{{path, {}, std::move(text)}});
}

}  // namespace

std::string Error::place() const {
    return position == Position{} ? file : fmt::format("{}:{}:{}", file, position.line, position.column);
}

std::string Error::to_string() const { return place() + ": " + text; }

void Diagnostics::add(Position position, std::string text) { errors_.push_back({file_, position, std::move(text)}); }

Errors Diagnostics::take() && {
    std::ranges::stable_sort(errors_, {}, &Error::position);
    if (errors_.size() > errors_shown) {
        const auto more = errors_.size() - errors_shown;
        errors_.resize(errors_shown);
        errors_.push_back({file_, {}, fmt::format("{} more {}", more, more == 1 ? "error" : "errors")});
    }
    return std::move(errors_);
}

std::string in_quotes(std::string_view text) {
    std::string result = "\"";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (i >= longest_quotation && !is_continuation(text[i])) {
            result += "…";
            break;
        }
        // U+0080 to U+009F are control characters of terminals: in UTF-8, 0xc2 and a byte below 0xa0.
        const bool c1 = c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
        if (c == '\n') {
            result += "\\n";
        } else if (c < 0x20 || c == 0x7f) {
            result += fmt::format("\\x{:02x}", c);
        } else if (c1) {
            result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[++i]));
        } else {
            result += text[i];
        }
    }
    return result + '"';
}

std::nullopt_t Value::fail(std::string text) const {
    if (node_->kind != Node::Kind::refused) diagnostics_->add(position(), std::move(text));
    return std::nullopt;
}

std::nullopt_t Value::mismatch(const Wanted& wanted) const {
    switch (node_->kind) {
        case Node::Kind::refused:
            break;
        case Node::Kind::null:
            return fail(fmt::format("no value where {} should be: write {}", wanted.noun, wanted.right));
        case Node::Kind::scalar:
            return fail(fmt::format("{} is not {}: write {}", in_quotes(node_->text), wanted.noun, wanted.right));
        case Node::Kind::sequence:
            return fail(fmt::format("a list is not {}: write {}", wanted.noun, wanted.right));
        case Node::Kind::map:
            return fail(fmt::format("a map is not {}: write {}", wanted.noun, wanted.right));
    }
    return std::nullopt;
}

std::optional<std::string_view> Value::scalar(const Wanted& wanted) const {
    if (node_->kind != Node::Kind::scalar) return mismatch(wanted);
    return node_->text;
}

std::optional<std::vector<Value>> Value::list(const Wanted& wanted) const {
    if (node_->kind != Node::Kind::sequence) return mismatch(wanted);
    std::vector<Value> values;
    values.reserve(node_->items.size());
    for (const Node& item : node_->items) values.emplace_back(item, *diagnostics_);
    return values;
}

std::optional<std::vector<std::pair<Value, Value>>> Value::map(const Wanted& wanted) const {
    if (node_->kind != Node::Kind::map) return mismatch(wanted);
    std::vector<std::pair<Value, Value>> entries;
    entries.reserve(node_->items.size());
    for (std::size_t i = 0; i < node_->items.size(); ++i)
        entries.emplace_back(Value(node_->keys[i], *diagnostics_), Value(node_->items[i], *diagnostics_));
    return entries;
}

MapReader::MapReader(const Value& value, std::string_view noun, std::string_view right,
                     std::span<const ForeignKey> foreign)
    : noun_(noun), foreign_(foreign) {
    auto entries = value.map({std::string(noun), std::string(right)});
    if (!entries) return;
    map_ = value;
    entries_ = *std::move(entries);
}

std::optional<Value> MapReader::find(std::string_view key) {
    if (!is_known(key)) known_.push_back(key);
    const auto entry = std::ranges::find(entries_, key, key_of);
    if (entry == entries_.end()) return std::nullopt;
    return entry->second;
}

/// If the key has only another tool's name, that is the one error.
void MapReader::missing(std::string_view key, std::string_view example) {
    if (!map_) return;
    for (const ForeignKey& foreign : foreign_)
        if (const auto entry = std::ranges::find(entries_, foreign.key, key_of);
            foreign.ours == key && entry != entries_.end()) {
            refuse(entry->first);
            entries_.erase(entry);
            return;
        }
    map_->fail(fmt::format("{} is missing: {} needs it, for example {}: {}", in_quotes(key), noun_, key, example));
}

bool MapReader::is_known(std::string_view key) const { return std::ranges::count(known_, key) > 0; }

void MapReader::refuse(const Value& key) const {
    const std::string& name = key.node().text;
    key.fail(fmt::format("{} is not a key of {}: {}", in_quotes(name), noun_, advice(name)));
}

std::string MapReader::advice(const std::string& key) const {
    for (const ForeignKey& foreign : foreign_) {
        if (foreign.key != key) continue;
        if (foreign.ours.empty()) return std::string(foreign.advice);
        if (is_known(foreign.ours)) return fmt::format("write {}", in_quotes(foreign.ours));
    }
    if (const auto nearest = suggest(key, known_)) return fmt::format("did you mean {}?", in_quotes(*nearest));
    return fmt::format("it has {}", fmt::join(known_, ", "));
}

void MapReader::finish() const {
    for (const auto& entry : entries_)
        if (!is_known(key_of(entry))) refuse(entry.first);
}

Result<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return file_failure(path, fmt::format("cannot be opened: {}", std::generic_category().message(errno)));
    std::string text;
    std::error_code unknown;
    const auto size = std::filesystem::file_size(path, unknown);
    if (!unknown) text.reserve(std::min<std::size_t>(size, largest_file) + 1);
    std::array<char, 1 << 16> chunk{};
    while (text.size() <= largest_file && (file.read(chunk.data(), chunk.size()), file.gcount() > 0))
        text.append(chunk.data(), static_cast<std::size_t>(file.gcount()));
    if (file.bad())
        return file_failure(path, fmt::format("cannot be read: {}", std::generic_category().message(errno)));
    if (text.size() > largest_file) return file_failure(path, "is larger than 16 MiB: this is no configuration file");
    return text;
}

}  // namespace culvert::common::yaml
