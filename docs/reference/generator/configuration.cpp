// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "docs/reference/generator/page.hpp"

namespace culvert::reference {
namespace {

using Json = nlohmann::ordered_json;

std::string joined(const std::vector<std::string>& words) {
    if (words.size() < 2) return words.empty() ? "" : words.front();
    const std::vector<std::string> first(words.begin(), words.end() - 1);
    return fmt::format("{} or {}", fmt::join(first, ", "), words.back());
}

/// As it stands in YAML.
std::string text(const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (!value.is_array()) return value.dump();
    std::vector<std::string> elements;
    for (const Json& one : value) elements.push_back(text(one));
    return fmt::format("[{}]", fmt::join(elements, ", "));
}

/// A JSON Schema whose annotations say, beside the standard's, what it has no words for: "x-minimum" and "x-maximum" of
/// durations and sizes, and "x-default", a default in words. "title" is a short name for a kind of value.
class Schema {
  public:
    Schema(Json schema, std::string file) : schema_(std::move(schema)), file_(std::move(file)) {}

    Page page() {
        Page page{.name = file_, .title = file_, .intro = "", .tables = {}};
        tables_.clear();
        add_map("", schema_);
        page.tables = std::move(tables_);
        return page;
    }

  private:
    /// What a reference leads to, with what stands beside the reference.
    [[nodiscard]] Json resolved(const Json& node) const {
        const auto reference = node.find("$ref");
        if (reference == node.end()) return node;
        Json target = resolved(schema_.at(Json::json_pointer(reference->get<std::string>().substr(1))));
        if (node.contains("x-default")) target.erase("default");
        for (const auto& [key, value] : node.items())
            if (key != "$ref") target[key] = value;
        return target;
    }

    [[nodiscard]] std::string number(const Json& node, const char* noun, const char* least, const char* most) const {
        return fmt::format("{}, {} to {}", noun, text(node.at(least)), text(node.at(most)));
    }

    /// What may be written: one of these.
    [[nodiscard]] std::vector<std::string> choices(const Json& written) const {
        const Json node = resolved(written);
        const bool is_one = !node.contains("anyOf");
        if (node.contains("title") && (!is_one || node.value("type", "") == "string")) return {text(node.at("title"))};
        if (node.contains("x-minimum")) return {number(node, is_one ? "duration" : "size", "x-minimum", "x-maximum")};
        if (node.contains("const")) return {text(node.at("const"))};
        std::vector<std::string> words;
        if (node.contains("enum"))
            for (const Json& one : node.at("enum")) words.push_back(text(one));
        if (!is_one)
            for (const Json& one : node.at("anyOf")) std::ranges::copy(choices(one), std::back_inserter(words));
        if (!words.empty()) return words;
        const std::string type = node.value("type", "");
        if (type == "integer") return {number(node, "number", "minimum", "maximum")};
        if (type == "boolean") return {"true", "false"};
        if (type == "array") return {"list: " + value(node.at("items"))};
        return {type == "object" ? "map" : "text"};
    }

    [[nodiscard]] std::string value(const Json& written) const { return joined(choices(written)); }

    [[nodiscard]] static std::string default_of(const Json& node, bool is_required) {
        if (is_required) return "required";
        if (node.contains("x-default")) return text(node.at("x-default"));
        return node.contains("default") ? text(node.at("default")) : "none";
    }

    static bool is_required(const Json& map, const std::string& key) {
        const auto names = map.find("required");
        return names != map.end() && std::ranges::count(*names, Json(key)) > 0;
    }

    /// The map that a value is or has: of a list the elements, of pools the lists' elements.
    [[nodiscard]] std::optional<std::pair<std::string, Json>> map_in(const std::string& path,
                                                                     const Json& written) const {
        const Json node = resolved(written);
        if (node.contains("properties")) {
            const auto reference = written.find("$ref");
            const std::string name =
                reference == written.end() ? "" : text(*reference).substr(text(*reference).rfind('/') + 1);
            return std::pair(name.empty() ? path : name, node);
        }
        if (node.contains("items")) return map_in(path, node.at("items"));
        if (node.contains("additionalProperties") && node.at("additionalProperties").is_object())
            return map_in(path, node.at("additionalProperties"));
        return std::nullopt;
    }

    void add_map(const std::string& path, const Json& map) {
        if (!seen_.insert(path).second) return;
        if (map.contains("oneOf") && map.at("oneOf").front().contains("properties")) return add_variants(path, map);
        Table table{.title = path.empty() ? "" : path,
                    .intro = path.empty() ? "" : map.value("description", ""),
                    .columns = {"Key", "Value", "Default", "What it does"},
                    .rows = {}};
        std::vector<std::pair<std::string, Json>> maps;
        for (const auto& [key, property] : map.at("properties").items()) {
            const Json node = resolved(property);
            const auto inner = map_in(path.empty() ? key : path + '.' + key, property);
            const std::string what = inner ? (node.contains("items")        ? "list of maps: see "
                                              : node.contains("properties") ? "map: see "
                                                                            : "map of lists: see ") +
                                                 inner->first
                                           : value(property);
            table.rows.push_back({key, what, default_of(node, is_required(map, key)), node.value("description", "")});
            if (inner) maps.push_back(*inner);
        }
        tables_.push_back(std::move(table));
        for (const auto& [title, inner] : maps) add_map(title, inner);
    }

    /// Maps of several types: which keys each has depends on one of them.
    void add_variants(const std::string& path, const Json& map) {
        const std::string selector = map.at("properties").items().begin().key();
        Table types{.title = path, .intro = map.value("description", ""), .columns = {}, .rows = {}};
        types.columns = {selector, "What it is"};
        std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> rows;  // cells, types
        const std::size_t count = map.at("oneOf").size();
        for (const Json& variant : map.at("oneOf")) {
            const Json& properties = variant.at("properties");
            const std::string type = text(properties.at(selector).at("const"));
            types.rows.push_back({type, properties.at(selector).value("description", "")});
            for (const auto& [key, property] : properties.items()) {
                if (key == selector) continue;
                const Json node = resolved(property);
                std::vector<std::string> cells{key, "", value(property), default_of(node, is_required(variant, key)),
                                               node.value("description", "")};
                const auto known = std::ranges::find(rows, cells, &decltype(rows)::value_type::first);
                if (known != rows.end())
                    known->second.push_back(type);
                else
                    rows.emplace_back(std::move(cells), std::vector{type});
            }
        }
        Table keys{.title = fmt::format("{}: keys", path),
                   .intro = "",
                   .columns = {"Key", selector, "Value", "Default", "What it does"},
                   .rows = {}};
        for (auto& [cells, of] : rows) {
            cells[1] = of.size() == count ? "all" : fmt::format("{}", fmt::join(of, ", "));
            keys.rows.push_back(cells);
        }
        tables_.push_back(std::move(types));
        tables_.push_back(std::move(keys));
    }

    Json schema_;
    std::string file_;
    std::vector<Table> tables_;
    std::set<std::string> seen_;
};

}  // namespace

Page configuration_page(const std::string& source, const std::string& file) {
    const std::string program = file.substr(0, file.find('.'));
    std::ifstream stream(fmt::format("{}/packaging/schema/{}.schema.json", source, program));
    return Schema(Json::parse(stream), file).page();
}

}  // namespace culvert::reference
