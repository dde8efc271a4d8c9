// SPDX-License-Identifier: Apache-2.0
#include "realserver/decap/state.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace culvert::realserver {

std::string describe(const DecapProgram& program) {
    std::vector<std::string> kinds;
    if (!program.ipip.empty()) kinds.emplace_back("ipip");
    if (!program.gre.empty()) kinds.emplace_back("gre");
    for (const auto& [port, use] : program.ports) {
        auto text = fmt::format("{} {}", name(use.encap), port.first);
        if (!use.vnis.empty()) text += fmt::format(" vni {}", fmt::join(use.vnis, " "));
        if (std::ranges::find(kinds, text) == kinds.end()) kinds.push_back(std::move(text));
    }
    return kinds.empty() ? "of another version" : fmt::format("{}", fmt::join(kinds, ", "));
}

std::string describe(const Decap& decap) {
    if (!decap.program) return "somebody else's XDP program";
    const char* mode = !decap.mode ? "xdp" : *decap.mode == XdpMode::native ? "xdp native" : "xdp generic";
    return fmt::format("{}: {}", mode, describe(*decap.program));
}

}  // namespace culvert::realserver
