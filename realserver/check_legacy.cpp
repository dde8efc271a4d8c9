// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>

#include "realserver/check.hpp"

namespace culvert::realserver {

namespace {

/// The chains that packets for this host or of this host may come through, of rules in iptables-save's words.
std::set<std::string> reachable(const std::vector<std::string>& rules) {
    std::set<std::string> chains{"INPUT", "PREROUTING", "OUTPUT", "POSTROUTING"};
    for (std::size_t before = 0; before != chains.size();) {
        before = chains.size();
        for (const std::string& rule : rules) {
            std::istringstream text(rule);
            const std::vector<std::string> words{std::istream_iterator<std::string>(text), {}};
            const auto target =
                std::ranges::find_if(words, [](const auto& word) { return word == "-j" || word == "-g"; });
            if (words.size() > 1 && words[0] == "-A" && chains.contains(words[1]) && words.end() - target > 1)
                chains.insert(*std::next(target));
        }
    }
    return chains;
}

}  // namespace

void check_legacy(const Patient& patient, Diagnosis& diagnosis) {
    const Environment& seen = patient.environment;
    std::vector<std::string> dropping;
    std::vector<std::string> rewriting;
    const std::set<std::string> chains = reachable(seen.legacy_rules);
    for (const std::string& line : seen.legacy_rules) {
        const auto has = [&](std::string_view text) { return line.find(text) != std::string::npos; };
        if (std::ranges::none_of(chains, [&](const std::string& chain) {
                return line.starts_with(":" + chain + " ") || line.starts_with("-A " + chain + " ");
            }))
            continue;
        if (has("-j DROP") || has("-j REJECT") || has(" DROP [")) dropping.push_back(line);
        if (has("-j DADDR")) rewriting.push_back(line);
    }
    for (const std::string& table : seen.legacy_unread) dropping.push_back(table);
    diagnosis.require(dropping.empty(), {.name = "legacy_rules_drop",
                                         .cause = "rules of iptables-legacy may drop packets; check can't tell which",
                                         .evidence = dropping,
                                         .cure = "iptables-legacy-save | iptables-restore-translate -f /dev/stdin, "
                                                 "and load that with nft in their place"});
    diagnosis.require(rewriting.empty(), {.name = "rule_rewrites",
                                          .cause = "xt_DADDR rewrites packets that the table inet culvert is for",
                                          .evidence = rewriting,
                                          .cure = fmt::format("iptables-legacy -D{}",
                                                              rewriting.empty() ? "" : rewriting.front().substr(2))});
}

}  // namespace culvert::realserver
