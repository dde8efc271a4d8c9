// SPDX-License-Identifier: Apache-2.0
#include "realserver/model/decap.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

namespace culvert::realserver {

std::vector<std::string> differences(const DecapProgram& wanted, const DecapProgram& found) {
    std::vector<std::string> result;
    const auto compare = [&](std::string_view what, const auto& its, const auto& others) {
        for (const auto& element : its)
            if (!others.contains(element)) result.push_back(fmt::format("{} {}", what, element.to_string()));
    };
    compare("lacks balancer", wanted.balancers, found.balancers);
    compare("lacks VIP", wanted.vips, found.vips);
    compare("lacks own address", wanted.own, found.own);
    compare("has a former balancer", found.balancers, wanted.balancers);
    compare("has a former VIP", found.vips, wanted.vips);
    compare("has a former own address", found.own, wanted.own);
    return result;
}

std::string describe(const DecapProgram& program) {
    std::vector<std::string> kinds;
    if (!program.ipip.empty()) kinds.emplace_back("ipip");
    if (!program.gre.empty()) kinds.emplace_back("gre");
    for (const auto& [port, use] : program.ports) {
        auto text = fmt::format("{} {}", name(use.encap), port.first);
        if (!use.vnis.empty()) text += fmt::format(" vni {}", fmt::join(use.vnis, " "));
        if (std::ranges::find(kinds, text) == kinds.end()) kinds.push_back(std::move(text));
    }
    if (kinds.empty()) return "of another version";
    if (program.guard != Guard::strict) kinds.emplace_back(program.guard == Guard::log ? "guard log" : "guard off");
    return fmt::format("{}", fmt::join(kinds, ", "));
}

std::string describe(const Decap& decap) {
    if (decap.unread) return "an XDP program that cannot be read";
    if (!decap.program) return "somebody else's XDP program";
    const char* mode = !decap.mode ? "xdp" : *decap.mode == XdpMode::native ? "xdp native" : "xdp generic";
    return fmt::format("{}: {}", mode, describe(*decap.program));
}

}  // namespace culvert::realserver
