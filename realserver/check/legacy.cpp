// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>
#include <utility>

#include "realserver/check/check.hpp"

namespace culvert::realserver {

namespace {

using LegacyRule = Environment::LegacyRule;
using Chain = std::pair<std::string, std::string>;  // table, name

/// The chain of the rule, and the chain or target to which it sends packets.
struct Parts {
    Chain chain;
    Chain target;

    explicit Parts(const LegacyRule& rule) {
        std::istringstream text(rule.text);
        const std::vector<std::string> words{std::istream_iterator<std::string>(text), {}};
        const auto jump = std::ranges::find_if(words, [](const auto& word) { return word == "-j" || word == "-g"; });
        const bool policy = rule.text.starts_with(':');  // :INPUT DROP [0:0]
        if (words.size() < 2) return;
        chain = {rule.table, policy ? words[0].substr(1) : words[1]};
        target = {rule.table, policy ? words[1] : words.end() - jump > 1 ? *std::next(jump) : ""};
    }
};

/// The chains that packets to or from this host may pass.
std::set<Chain> reachable(const std::vector<LegacyRule>& rules) {
    std::set<Chain> chains;
    for (const LegacyRule& rule : rules)
        for (const char* base : {"INPUT", "PREROUTING", "OUTPUT", "POSTROUTING"}) chains.insert({rule.table, base});
    for (std::size_t before = 0; before != chains.size();) {
        before = chains.size();
        for (const LegacyRule& rule : rules)
            if (const Parts parts(rule); chains.contains(parts.chain)) chains.insert(parts.target);
    }
    return chains;
}

}  // namespace

void check_legacy(const Patient& patient, Diagnosis& diagnosis) {
    const Environment& seen = patient.environment;
    std::vector<std::string> dropping = seen.legacy_unread;
    const std::set<Chain> chains = reachable(seen.legacy_rules);
    for (const LegacyRule& rule : seen.legacy_rules) {
        const Parts parts(rule);
        const std::string& target = parts.target.second;
        if (!chains.contains(parts.chain)) continue;
        const std::string evidence = fmt::format("{}: {}", rule.table, rule.text);
        if (target == "DROP" || target == "REJECT") dropping.push_back(evidence);
        diagnosis.require(target != "DADDR",
                          {.name = "rule_rewrites",
                           .cause = "xt_DADDR rewrites packets that the table inet culvert should rewrite",
                           .evidence = {evidence},
                           .cure = {fmt::format("{} -D{}", rule.table, rule.text.substr(2))}});
    }
    diagnosis.require(dropping.empty(),
                      {.name = "legacy_rules_drop",
                       .cause = "rules of iptables-legacy may drop packets; check can't tell which",
                       .evidence = dropping,
                       .advice = "move them to nf_tables: iptables-legacy-save | iptables-restore-translate -f "
                                 "/dev/stdin | nft -f -; iptables-legacy -F"});
}

}  // namespace culvert::realserver
