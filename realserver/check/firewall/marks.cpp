// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "realserver/check/firewall/firewall.hpp"

namespace culvert::realserver {

namespace {

using nlohmann::json;

/// The kernel refuses deeper nesting of chains (NFT_JUMP_STACK_SIZE).
constexpr int deepest_jump = 16;

bool is_mark(const json& key) { return key == json{{"meta", {{"key", "mark"}}}}; }

/// The value of "5" or "meta mark | 5", where the mark was `mark`; nothing if it depends on anything else.
std::optional<std::uint32_t> value_of(const json& expression, std::uint32_t mark) {
    if (expression.is_number_unsigned()) return expression.get<std::uint32_t>();
    if (is_mark(expression)) return mark;
    if (!expression.is_object() || expression.empty()) return std::nullopt;
    const json& operands = expression.begin().value();
    if (!operands.is_array() || operands.size() != 2) return std::nullopt;
    const auto one = value_of(operands.at(0), mark);
    const auto other = value_of(operands.at(1), mark);
    if (!one || !other) return std::nullopt;
    const std::string& operation = expression.begin().key();
    if (operation == "|") return *one | *other;
    if (operation == "&") return *one & *other;
    if (operation == "^") return *one ^ *other;
    return std::nullopt;
}

/// Applies the rules of a chain to the mark. False if the packets leave the base chain.
class Marking {
  public:
    Marking(const Firewall& firewall, const Packets& packets, std::uint32_t& mark)
        : firewall_(firewall), packets_(packets), mark_(mark) {}

    bool through(const FirewallChain& chain, int depth = 0) {
        for (const FirewallRule& rule : chain.rules)
            if (const auto end = read(chain, rule, depth)) return *end;
        return true;
    }

  private:
    /// The output of a newer nft may have an unknown form.
    std::optional<bool> read(const FirewallChain& chain, const FirewallRule& rule, int depth) {
        try {
            return through(chain, rule, depth);
        } catch (const json::exception&) {
            return std::nullopt;
        }
    }

    /// Nothing if the next rule follows.
    std::optional<bool> through(const FirewallChain& chain, const FirewallRule& rule, int depth) {
        for (const json& statement : rule.statements) {
            if (!statement.is_object() || statement.empty()) return std::nullopt;
            const std::string& kind = statement.begin().key();
            const json& content = statement.begin().value();
            if (kind == "match") {
                if (match(content, packets_, firewall_, chain) != Match::all) return std::nullopt;
            } else if (kind == "mangle") {
                if (is_mark(content.at("key"))) mark_ = value_of(content.at("value"), mark_).value_or(mark_);
            } else if (kind == "accept") {
                return false;
            } else if (kind == "return") {
                return true;
            } else if (kind == "jump" || kind == "goto") {
                if (!called(chain, content.at("target"), depth)) return false;
                if (kind == "goto") return true;
            } else if (kind != "counter" && kind != "log") {
                return std::nullopt;
            }
        }
        return std::nullopt;
    }

    bool called(const FirewallChain& from, const std::string& name, int depth) {
        const auto next = std::ranges::find_if(firewall_.chains, [&](const FirewallChain& chain) {
            return chain.family == from.family && chain.table == from.table && chain.name == name;
        });
        return next == firewall_.chains.end() || depth == deepest_jump || through(*next, depth + 1);
    }

    const Firewall& firewall_;
    const Packets& packets_;
    std::uint32_t& mark_;
};

}  // namespace

std::uint32_t mark_for_route(const Firewall& firewall, const Packets& packets) {
    std::vector<const FirewallChain*> bases;
    for (const FirewallChain& chain : firewall.chains)
        if (chain.type == "route" && chain.hook == "output" &&
            (chain.family == "inet" || (chain.family == "ip") == (packets.family() == netlink::Family::ipv4)))
            bases.push_back(&chain);
    std::ranges::stable_sort(bases, {}, &FirewallChain::priority);
    std::uint32_t mark = 0;
    for (const FirewallChain* base : bases) Marking(firewall, packets, mark).through(*base);
    return mark;
}

}  // namespace culvert::realserver
