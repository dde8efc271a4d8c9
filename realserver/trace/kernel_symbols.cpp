// SPDX-License-Identifier: Apache-2.0
#include "realserver/trace/kernel_symbols.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace culvert::realserver {

KernelSymbols::KernelSymbols(std::istream& lines) {
    // "ffffffff81a12340 T ip_rcv\t[module]"
    for (std::string line; std::getline(lines, line);) {
        const std::size_t type = line.find(' ') + 1;
        if (type == 0 || type + 2 >= line.size() || std::string_view("tTwW").find(line[type]) == std::string::npos)
            continue;
        std::uint64_t address = 0;
        std::from_chars(line.data(), line.data() + type - 1, address, 16);
        if (address == 0) continue;
        const std::size_t name = type + 2;
        functions_.emplace_back(address, line.substr(name, line.find_first_of(".\t", name) - name));
    }
    std::ranges::sort(functions_);
}

std::string KernelSymbols::function_at(std::uint64_t address) const {
    const auto after = std::ranges::upper_bound(functions_, address, {}, &std::pair<std::uint64_t, std::string>::first);
    return after == functions_.begin() ? std::string{} : std::prev(after)->second;
}

}  // namespace culvert::realserver
