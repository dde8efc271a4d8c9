// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <netinet/in.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "realserver/check/environment.hpp"

/// Sockets of other programs.
namespace culvert::realserver {

using netlink::BoundSocket;

std::string owner_of(std::uint32_t inode) {
    const std::string wanted = fmt::format("socket:[{}]", inode);
    std::error_code error;
    for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
        for (const auto& file : std::filesystem::directory_iterator(process.path() / "fd", error)) {
            if (std::filesystem::read_symlink(file.path(), error) != wanted) continue;
            std::ifstream comm(process.path() / "comm");
            std::string command;
            std::getline(comm, command);
            return fmt::format("{} (process {})", command, process.path().filename().string());
        }
    }
    return "a process that /proc does not show";
}

bool is_in_the_way(const BoundSocket& socket, const netlink::FouPort& port) {
    if (socket.protocol != IPPROTO_UDP || socket.port != port.port) return false;
    const IpAddress local = port.local.value_or(IpAddress::any(port.family));
    const bool both = socket.family == Family::ipv6 && !socket.only_ipv6;
    const Family family = socket.address.is_any() ? socket.family : socket.address.family();
    if (family != port.family && !(both && socket.address.is_any())) return false;
    return local.is_any() || socket.address.is_any() || socket.address == local;
}

}  // namespace culvert::realserver
