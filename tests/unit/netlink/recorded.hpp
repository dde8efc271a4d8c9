// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::netlink {

inline std::filesystem::path recordings() { return CULVERT_RECORDINGS; }

/// A message from a kernel, recorded by `record`. The first line of each file tells how it was made.
inline std::vector<std::byte> recorded(std::string_view name) {
    std::ifstream file(recordings() / (std::string(name) + ".hex"));
    if (!file) throw std::runtime_error("no recording " + std::string(name));
    std::vector<std::byte> bytes;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line))
        for (std::size_t i = 0; i + 1 < line.size(); i += 2)
            bytes.push_back(static_cast<std::byte>(std::stoi(line.substr(i, 2), nullptr, 16)));
    return bytes;
}

inline std::vector<std::string> all_recorded() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(recordings()))
        names.push_back(entry.path().stem().string());
    return names;
}

}  // namespace culvert::netlink
