// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/snapshot.hpp"

#include <fmt/format.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace culvert::netns {

namespace {

/// Removes values that change by themselves or carry no information.
nlohmann::json without_volatile(nlohmann::json value) {
    if (value.is_object())
        for (const auto* key : {"handle", "packets", "bytes", "metainfo", "stats", "stats64", "gc_timer", "hello_timer",
                                "tcn_timer", "topology_change_timer", "operstate"})
            value.erase(key);
    for (auto& part : value) {
        if (part.is_structured()) part = without_volatile(std::move(part));
    }
    return value;
}

/// ip prints one array for each line of a batch.
std::string normalized(const std::string& arrays) {
    std::string text;
    std::istringstream stream(arrays);
    while (stream >> std::ws && stream.peek() == '[') {
        nlohmann::json array;
        stream >> array;
        text += without_volatile(std::move(array)).dump(1) + "\n";
    }
    return text;
}

std::string sysctls(const Host& host) {
    std::string text;
    host.within([&] {
        std::vector<std::filesystem::path> paths;
        for (const auto* family : {"ipv4", "ipv6"})
            for (const auto& entry :
                 std::filesystem::recursive_directory_iterator(fmt::format("/proc/sys/net/{}/conf", family)))
                if (entry.is_regular_file()) paths.push_back(entry.path());
        std::ranges::sort(paths);
        for (const auto& path : paths) {
            std::ifstream file(path);
            std::string value;
            if (std::getline(file, value)) text += fmt::format("{} = {}\n", path.string(), value);
        }
    });
    return text;
}

/// Whether a process has joined a multicast group of a netlink protocol, by /proc/net/netlink.
bool joined(const Host& host, const Process& process, int protocol, unsigned group) {
    std::istringstream table(host.read("/proc/thread-self/net/netlink"));
    std::string line;
    std::getline(table, line);  // the heading
    while (std::getline(table, line)) {
        std::istringstream fields(line);
        std::string socket;
        int its_protocol = 0;
        std::int64_t port = 0;  // the process id, for its first socket
        std::uint32_t groups = 0;
        fields >> socket >> its_protocol >> port >> std::hex >> groups;
        if (its_protocol == protocol && port == process.pid() && (groups >> (group - 1) & 1) != 0) return true;
    }
    return false;
}

/// It has joined, and finished its work before listening: during that work, ip drops events.
bool listens(const Host& host, const Process& process, int protocol, unsigned group) {
    return joined(host, process, protocol, group) && process.sleeping();
}

/// The output before the line about our own change; nothing if there is no such line yet.
std::optional<std::string> before(const std::string& text, std::string_view own_change) {
    const std::size_t found = text.find(own_change);
    if (found == std::string::npos) return std::nullopt;
    const std::size_t line = text.rfind('\n', found);
    return line == std::string::npos ? "" : text.substr(0, line + 1);
}

std::string events_of(const Process& process, std::string_view own_change) {
    std::optional<std::string> events;
    if (!eventually([&] { return (events = before(process.out(), own_change)).has_value(); }))
        throw std::runtime_error(
            fmt::format("a monitor missed a change; it printed:\n{}{}", process.out(), process.err()));
    return *events;
}

}  // namespace

std::string snapshot(const Host& host) {
    // -force: without the module, "fou show" fails
    const auto ip = [&](std::string_view options, std::string_view lines) {
        return normalized(host.run(fmt::format("ip -j -d {} -force -batch -", options), lines).out);
    };
    return ip("", "addr show\nfou show\n") + ip("-4", "route show table all\nrule show\n") +
           ip("-6", "route show table all\nrule show\n") + normalized("[" + host.must("nft -j list ruleset") + "]") +
           sysctls(host);
}

Monitor::Monitor(const Host& host)
    : host_(host), ip_(host.spawn("ip monitor link address route rule netconf")), nft_(host.spawn("nft monitor")) {
    const auto both_listen = [&] {
        return listens(host, ip_, NETLINK_ROUTE, RTNLGRP_LINK) &&
               listens(host, nft_, NETLINK_NETFILTER, NFNLGRP_NFTABLES);
    };
    if (!eventually(both_listen)) throw std::runtime_error("monitors do not listen: " + ip_.err() + nft_.err());
}

std::string Monitor::events() {
    host_.ip("route add blackhole 240.0.0.99/32 table 99\nroute del blackhole 240.0.0.99/32 table 99\n");
    host_.must("nft -f -", "table inet monitor_witness\ndelete table inet monitor_witness\n");
    return events_of(ip_, "240.0.0.99") + events_of(nft_, "monitor_witness");
}

}  // namespace culvert::netns
