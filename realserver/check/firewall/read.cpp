// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "realserver/check/firewall/firewall.hpp"

namespace culvert::realserver {

namespace {

using nlohmann::json;

using Place = std::tuple<std::string, std::string, std::string, std::uint64_t>;  // family, table, chain, handle
using Texts = std::map<Place, std::string>;

std::string_view trimmed(std::string_view line) {
    const auto start = line.find_first_not_of(" \t");
    return start == std::string_view::npos ? std::string_view{} : line.substr(start);
}

/// "table inet filter {" gives {"table", "inet", "filter"}.
std::vector<std::string> words(std::string_view line) {
    std::vector<std::string> result;
    while (!line.empty()) {
        const auto end = line.find(' ');
        if (end != 0) result.emplace_back(line.substr(0, end));
        line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
    }
    return result;
}

/// Rules are the lines in chains that end in "# handle <number>".
Texts read_texts(std::string_view text) {
    constexpr std::string_view mark = " # handle ";
    Texts texts;
    std::string family;
    std::string table;
    std::string chain;
    while (!text.empty()) {
        const auto end = text.find('\n');
        std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.starts_with("table ") && line.find(" {") != std::string_view::npos) {
            const auto parts = words(line);
            family = parts.at(1);
            table = parts.at(2);
        } else if (line.starts_with("chain ") && line.find(" {") != std::string_view::npos) {
            chain = words(line).at(1);
        } else if (const auto at = line.rfind(mark); at != std::string_view::npos) {
            std::uint64_t handle = 0;
            const std::string_view number = line.substr(at + mark.size());
            std::from_chars(number.data(), number.data() + number.size(), handle);
            texts.emplace(Place{family, table, chain, handle}, line.substr(0, at));
        }
    }
    return texts;
}

FirewallChain read_chain(const json& chain) {
    FirewallChain result{.family = chain.at("family"),
                         .table = chain.at("table"),
                         .name = chain.at("name"),
                         .hook = chain.value("hook", ""),
                         .type = chain.value("type", ""),
                         .priority = chain.value("prio", 0),
                         .drops = chain.value("policy", "") == "drop"};
    if (const auto device = chain.find("dev"); device != chain.end() && device->is_string()) result.device = *device;
    return result;
}

Firewall read(const json& ruleset, const Texts& texts, std::string_view ours) {
    Firewall firewall;
    std::map<Firewall::Name, std::size_t> chains;
    for (const json& object : ruleset.at("nftables")) {
        if (!object.is_object() || object.empty()) continue;
        const std::string& kind = object.begin().key();
        const json& content = object.begin().value();
        if (!content.contains("table")) continue;
        const std::string family = content.at("family");
        const std::string table = content.at("table");
        if (family == "inet" && table == ours) continue;
        if (kind == "chain") {
            chains.emplace(Firewall::Name{family, table, content.at("name")}, firewall.chains.size());
            firewall.chains.push_back(read_chain(content));
        } else if (kind == "set" || kind == "map") {
            firewall.sets.emplace(Firewall::Name{family, table, content.at("name")},
                                  content.value("elem", json::array()));
        } else if (kind == "rule") {
            const std::string chain = content.at("chain");
            const std::uint64_t handle = content.at("handle");
            const auto text = texts.find({family, table, chain, handle});
            firewall.chains.at(chains.at({family, table, chain}))
                .rules.push_back({.handle = handle,
                                  .statements = content.at("expr"),
                                  .text = text == texts.end() ? content.at("expr").dump() : text->second});
        }
    }
    return firewall;
}

}  // namespace

std::string FirewallChain::to_string() const { return fmt::format("{} {} {}", family, table, name); }

tl::expected<Firewall, std::string> read_firewall(std::string_view json, std::string_view text, std::string_view ours) {
    try {
        return read(json::parse(json), read_texts(text), ours);
    } catch (const std::exception& error) {
        return tl::unexpected(std::string(error.what()));
    }
}

}  // namespace culvert::realserver
