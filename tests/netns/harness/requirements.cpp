// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/requirements.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "tests/netns/harness/process.hpp"

namespace culvert::netns {

std::optional<std::string> missing_module(const std::string& name) {
    if (std::filesystem::exists("/sys/module/" + name)) return std::nullopt;
    const Output output = Process({"modprobe", name}, {}, [] { return true; }).wait();
    if (output.ok()) return std::nullopt;
    return fmt::format("needs the kernel module {}: {}", name, output.err);
}

std::optional<std::string> missing_program(const std::string& name) {
    for (const auto* directory : {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"})
        if (std::filesystem::exists(std::filesystem::path(directory) / name)) return std::nullopt;
    return fmt::format("program {} is missing: scripts/setup installs it", name);
}

std::optional<std::string> missing_privilege() {
    if (geteuid() == 0) return std::nullopt;
    return "needs root, to make network namespaces";
}

}  // namespace culvert::netns
