// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <functional>

#include "realserver/check/firewall/firewall.hpp"

namespace culvert::realserver {

namespace {

using netlink::Family;
using nlohmann::json;

/// The kernel refuses deeper nesting of chains (NFT_JUMP_STACK_SIZE).
constexpr int deepest = 16;

template <std::size_t size>
bool is_one_of(const std::string& word, const std::array<std::string_view, size>& words) {
    return std::ranges::find(words, word) != words.end();
}

/// Statements and xtables targets by their effect; the neutral ones don't decide about the packet.
constexpr std::array<std::string_view, 12> neutral{"counter",        "log",     "ct helper",  "ct timeout",
                                                   "ct expectation", "secmark", "dup",        "last",
                                                   "flow",           "snat",    "masquerade", "comment"};
constexpr std::array<std::string_view, 3> deadly_targets{"DROP", "REJECT", "TARPIT"};
constexpr std::array<std::string_view, 5> rewriting_targets{"DADDR", "DNAT", "REDIRECT", "TPROXY", "NETMAP"};
constexpr std::array<std::string_view, 3> undecided_targets{"QUEUE", "NFQUEUE", "SYNPROXY"};

/// What packets do after a rule or a chain.
enum class Fate : std::uint8_t { goes_on, returns, accepted, stopped };

/// The connection state, if the rule has matched on it.
std::optional<Tracking> tracking_of(const FirewallRule& rule, const Packets& packets) {
    const bool by_match = std::ranges::any_of(rule.statements, [](const json& statement) {
        static const json state{{"ct", {{"key", "state"}}}};
        const auto condition = statement.find("match");
        if (condition != statement.end()) return condition->at("left") == state;
        const auto map = statement.find("vmap");
        return map != statement.end() && map->at("key") == state;
    });
    const bool by_xtables = rule.text.find("ct state") != std::string::npos;
    return by_match || by_xtables ? std::optional(packets.tracking) : std::nullopt;
}

/// The path of packets through one base chain.
class Walk {
  public:
    Walk(const Firewall& firewall, const FirewallChain& base, Packets& packets)
        : firewall_(firewall), base_(base), packets_(packets) {}

    std::optional<Obstacle> through() {
        const Fate fate = chain(base_, true, 0);
        if (fate == Fate::goes_on && base_.drops)
            stop({.kind = Obstacle::Kind::dropped,
                  .certain = !perhaps_elsewhere_,
                  .rule = fmt::format("chain {}: policy drop", base_.to_string())});
        return found_;
    }

  private:
    Fate chain(const FirewallChain& chain, bool certain, int depth) {
        if (depth > deepest) return Fate::goes_on;
        for (const FirewallRule& rule : chain.rules) {
            const Fate fate = read_rule(chain, rule, certain, depth);
            if (fate == Fate::returns) return Fate::goes_on;
            if (fate != Fate::goes_on) return fate;
        }
        return Fate::goes_on;
    }

    /// The output of a newer nft may have an unknown form.
    Fate read_rule(const FirewallChain& chain, const FirewallRule& rule, bool certain, int depth) {
        try {
            return this->rule(chain, rule, certain, depth);
        } catch (const json::exception&) {
            stop({.certain = false, .rule = fmt::format("chain {}: {}", chain.to_string(), rule.text)});
            return Fate::goes_on;
        }
    }

    Fate rule(const FirewallChain& chain, const FirewallRule& rule, bool certain, int depth) {
        Match matched = Match::all;
        for (const json& statement : rule.statements) {
            if (!statement.is_object() || statement.empty()) {
                matched = std::min(matched, Match::unknown);
                continue;
            }
            const std::string& kind = statement.begin().key();
            const json& content = statement.begin().value();
            if (kind == "match") {
                matched = std::min(matched, match(content, packets_, firewall_, chain));
            } else if (kind == "vmap") {
                if (const Fate fate = map(chain, rule, content, matched, certain, depth); fate != Fate::goes_on)
                    return fate;
            } else if (is_condition(kind, content)) {
                matched = std::min(matched, Match::unknown);
            } else if (const Fate fate = act(chain, rule, {kind, content}, matched, certain, depth);
                       fate != Fate::goes_on) {
                return fate;
            }
            if (matched == Match::none) return Fate::goes_on;
        }
        return Fate::goes_on;
    }

    static bool is_condition(const std::string& kind, const json& content) {
        if (kind == "xt")
            return content.is_null() || (content.at("type") == "match" && content.at("name") != "comment");
        if (kind == "set" || kind == "map") return content.contains("stmt");
        return kind == "limit" || kind == "quota" || kind == "ct count" || kind == "meter";
    }

    /// Verdict maps: [[value, verdict], …], or the name of one.
    Fate map(const FirewallChain& chain, const FirewallRule& rule, const json& content, Match matched, bool certain,
             int depth) {
        const json& data = content.at("data");
        json entries = json::array();
        if (data.is_object()) entries = data.value("set", json::array());
        if (data.is_string()) {
            const auto named = firewall_.sets.find({chain.family, chain.table, data.get<std::string>().substr(1)});
            if (named != firewall_.sets.end()) entries = named->second;
        }
        for (const json& entry : entries) {
            const bool otherwise = entry.at(0) == "*";
            const Match here =
                otherwise ? Match::all : match(content.at("key"), entry.at(0), packets_, firewall_, chain);
            if (here == Match::none) continue;
            const auto verdict = entry.at(1).begin();
            if (verdict == entry.at(1).end()) continue;
            const Fate fate =
                act(chain, rule, {verdict.key(), verdict.value()}, std::min(matched, here), certain, depth);
            if (fate != Fate::goes_on || (here == Match::all && matched == Match::all)) return fate;
        }
        return Fate::goes_on;
    }

    struct Action {
        const std::string& kind;
        const json& content;
    };

    /// Applies a statement to the packets that have matched so far.
    Fate act(const FirewallChain& chain, const FirewallRule& rule, const Action& action, Match matched, bool certain,
             int depth) {
        const bool surely = matched == Match::all;
        // If only some of the packets must pass, it is enough that the rule does not apply to some, or accepts some.
        const bool some = matched == Match::some && !packets_.all;
        const auto& [kind, content] = action;
        if (kind == "accept") {
            if (surely || some) return Fate::accepted;
            perhaps_elsewhere_ = true;
            return Fate::goes_on;
        }
        if (kind == "return") {
            perhaps_elsewhere_ = perhaps_elsewhere_ || !surely;
            return surely || some ? Fate::returns : Fate::goes_on;
        }
        if (kind == "continue") return Fate::goes_on;
        if (kind == "jump" || kind == "goto") return jump(chain, action, matched, certain, depth);
        if (kind == "notrack" || is_notrack(kind, content, rule)) {
            if (surely) packets_.tracking = Tracking::untracked;
            return Fate::goes_on;
        }
        const auto effect = effect_of(kind, content);
        if (!effect || some) return Fate::goes_on;
        const bool sure = surely && effect->certain;
        stop({.kind = effect->kind,
              .certain = sure && certain && !perhaps_elsewhere_,
              .rule = fmt::format("chain {}: {}", chain.to_string(), rule.text),
              .removal = fmt::format("nft delete rule {} handle {}", chain.to_string(), rule.handle),
              .tracking = tracking_of(rule, packets_)});
        return sure ? Fate::stopped : Fate::goes_on;
    }

    static bool is_notrack(const std::string& kind, const json& content, const FirewallRule& rule) {
        return kind == "xt" && content.is_object() && content.at("name") == "CT" &&
               rule.text.find("notrack") != std::string::npos;
    }

    struct Effect {
        Obstacle::Kind kind;
        bool certain = true;
    };
    [[nodiscard]] std::optional<Effect> effect_of(const std::string& kind, const json& content) const {
        using Kind = Obstacle::Kind;
        if (kind == "drop" || kind == "reject") return Effect{Kind::dropped};
        if (kind == "dnat" || kind == "redirect" || kind == "tproxy") return Effect{Kind::rewritten};
        if (kind == "mangle") {
            const json& key = content.at("key");
            const bool header = key.contains("payload") && key.at("payload").contains("field");
            const std::string field = header ? key.at("payload").at("field").get<std::string>() : "";
            const bool decides = field == "daddr" || field == "dport" || (field == "dscp" && packets_.dscp);
            return decides ? std::optional(Effect{Kind::rewritten}) : std::nullopt;
        }
        if (kind == "xt" && content.is_object()) {
            const std::string name = content.at("name");
            if (is_one_of(name, deadly_targets)) return Effect{Kind::dropped};
            if (is_one_of(name, rewriting_targets)) return Effect{Kind::rewritten};
            if (is_one_of(name, undecided_targets)) return Effect{Kind::dropped, false};
            return std::nullopt;
        }
        if (kind == "set" || kind == "map" || is_one_of(kind, neutral)) return std::nullopt;
        return Effect{Kind::dropped, false};  // queue, fwd, synproxy, and statements of later versions
    }

    Fate jump(const FirewallChain& chain, const Action& action, Match matched, bool certain, int depth) {
        const std::string target = action.content.at("target");
        const auto next = std::ranges::find_if(firewall_.chains, [&](const FirewallChain& other) {
            return other.family == chain.family && other.table == chain.table && other.name == target;
        });
        if (next == firewall_.chains.end()) return Fate::goes_on;
        const bool surely = matched == Match::all;
        const Tracking tracking = packets_.tracking;
        const bool elsewhere = perhaps_elsewhere_;
        const auto found = found_;
        const Fate fate = this->chain(*next, certain && surely, depth + 1);
        if (surely) return fate == Fate::goes_on && action.kind == "goto" ? Fate::returns : fate;
        packets_.tracking = tracking;
        if (matched == Match::some && !packets_.all) {
            perhaps_elsewhere_ = elsewhere;
            found_ = found;
            return fate == Fate::accepted ? fate : Fate::goes_on;
        }
        perhaps_elsewhere_ = perhaps_elsewhere_ || fate == Fate::accepted || action.kind == "goto";
        return Fate::goes_on;
    }

    void stop(Obstacle obstacle) {
        if (found_ && (found_->certain || !obstacle.certain)) return;
        found_ = std::move(obstacle);
        found_->table = base_.table;
        found_->base = base_.to_string();
    }

    const Firewall& firewall_;
    const FirewallChain& base_;
    Packets& packets_;
    bool perhaps_elsewhere_ = false;  ///< accepted, or past the rules that follow
    std::optional<Obstacle> found_;
};

bool concerns(const FirewallChain& chain, const Packets& packets, const Stage& stage) {
    if (chain.hook != stage.hook || chain.priority < stage.first || chain.priority > stage.last) return false;
    if (chain.family != "inet" && chain.family != "netdev" &&
        (chain.family == "ip") != (packets.family() == Family::ipv4))
        return false;
    if (chain.family == "bridge" || chain.family == "arp") return false;
    // Only packets that open a connection pass chains of type nat.
    if (chain.type == "nat" && packets.tracking != Tracking::created) return false;
    const std::string& device = chain.hook == "egress" ? packets.output : packets.input;
    return chain.device.empty() || device.empty() || chain.device == device;
}

}  // namespace

std::optional<Obstacle> obstacle(const Firewall& firewall, Packets& packets, const Stage& stage) {
    std::vector<const FirewallChain*> bases;
    for (const FirewallChain& chain : firewall.chains)
        if (concerns(chain, packets, stage)) bases.push_back(&chain);
    std::ranges::stable_sort(bases, {}, &FirewallChain::priority);
    std::optional<Obstacle> found;
    for (const FirewallChain* base : bases) {
        auto here = Walk(firewall, *base, packets).through();
        if (here && (!found || !found->certain)) found = found && !here->certain ? found : here;
        if (found && found->certain) break;
    }
    return found;
}

}  // namespace culvert::realserver
