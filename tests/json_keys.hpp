// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "docs/reference/generator/page.hpp"

namespace culvert::reference {

/// The keys that a table of the reference lists for a command, compared with the JSON that the command prints.
class JsonKeys {
  public:
    using Json = nlohmann::ordered_json;

    explicit JsonKeys(const Table& table) {
        for (const auto& row : table.rows) {
            const std::string& path = row.at(0);
            types_.emplace(path, row.at(1));
            for (std::size_t at = 0; (at = path.find_first_of(".[", at)) != std::string::npos; ++at) {
                containers_.insert(path.substr(0, at));
                if (path.substr(at, name.size()) == name) named_.insert(path.substr(0, at));
            }
        }
    }

    /// The places in `json` that the table does not list, or lists with another type.
    std::set<std::string> complaints_about(const Json& json) {
        complaints_.clear();
        look(json, "");
        return std::exchange(complaints_, {});
    }

    /// The listed keys that no JSON had so far.
    [[nodiscard]] std::set<std::string> not_seen() const {
        std::set<std::string> rest;
        for (const auto& [path, type] : types_)
            if (!seen_.contains(path)) rest.insert(path);
        return rest;
    }

  private:
    static constexpr std::string_view name = ".NAME";  // any key: of a map whose keys are data

    void look(const Json& json, const std::string& path) {
        if (json.is_structured() && !path.empty() && !containers_.contains(path))
            return complain(path + " is not in the reference");
        if (json.is_array())
            for (const Json& element : json) look(element, path + "[]");
        if (json.is_object())
            for (const auto& [key, value] : json.items())
                look(value, named_.contains(path) ? path + std::string(name) : path + (path.empty() ? "" : ".") + key);
        if (!json.is_structured()) look_at_value(json, path);
    }

    void look_at_value(const Json& json, const std::string& path) {
        const auto listed = types_.find(path);
        if (listed == types_.end()) return complain(path + " is not in the reference");
        seen_.insert(path);
        if (!is_a(json, listed->second))
            complain(fmt::format("{} is {}, not {} as in the reference", path, json.dump(), listed->second));
    }

    void complain(std::string text) { complaints_.insert(std::move(text)); }

    static bool is_a(const Json& json, const std::string& type) {
        if (type == "text") return json.is_string();
        if (type == "text or null") return json.is_string() || json.is_null();
        if (type == "number") return json.is_number();
        if (type == "true") return json == true;
        return type == "true or false" && json.is_boolean();
    }

    std::map<std::string, std::string> types_;  ///< by path
    std::set<std::string> containers_;          ///< paths of maps and lists
    std::set<std::string> named_;               ///< those of maps whose keys are data
    std::set<std::string> seen_;
    std::set<std::string> complaints_;
};

}  // namespace culvert::reference
