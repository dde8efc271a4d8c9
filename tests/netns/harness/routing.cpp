// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/routing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace culvert::netns {
namespace {

const std::string frr_programs = "/usr/lib/frr/";

Process start_bird(const Host& host, std::string_view configuration) {
    host.write("/run/bird.conf", configuration);
    return host.spawn("bird -f -c /run/bird.conf -s /run/bird.ctl -P /run/bird.pid");
}

Process start_keepalived(const Host& host, std::string_view configuration) {
    host.write("/run/keepalived.conf", configuration);
    host.must("chmod 644 /run/keepalived.conf");  // it refuses one that others may write
    return host.spawn("keepalived --dont-fork --log-console --use-file /run/keepalived.conf");
}

}  // namespace

Bird::Bird(const Host& host, std::string_view configuration) : host_(host), process_(start_bird(host, configuration)) {
    if (!eventually([&] { return !process_.running() || host.run("birdc -s /run/bird.ctl show status").ok(); }) ||
        !process_.running())
        throw std::runtime_error(fmt::format("{}: BIRD does not start: {}", host.name(), process_.err()));
}

std::string Bird::ask(const std::string& command) const { return host_.must("birdc -s /run/bird.ctl " + command); }

Frr::Frr(const Host& host, std::string_view configuration) : host_(host) {
    host.must("mkdir -p /run/frr");
    host.must("chown frr:frrvty /run/frr");
    for (const std::string daemon : {"zebra", "mgmtd", "bgpd", "bfdd"}) {
        if (!std::filesystem::exists(frr_programs + daemon)) continue;  // mgmtd came with FRR 9
        processes_.push_back(host.spawn(
            fmt::format("{0}{1} -u frr -g frr -f /dev/null -i /run/frr/{1}.pid -A 127.0.0.1", frr_programs, daemon)));
        if (!eventually([&] { return host.run(fmt::format("vtysh -d {} -c 'show version'", daemon)).ok(); }))
            throw std::runtime_error(
                fmt::format("{}: {} does not start: {}", host.name(), daemon, processes_.back().err()));
    }
    read(configuration);
}

void Frr::read(std::string_view configuration) const {
    host_.write("/run/frr.conf", configuration);
    const Output done = host_.run("vtysh -f /run/frr.conf");
    if (!done.ok() || !done.err.empty()) throw std::runtime_error("vtysh -f: " + done.out + done.err);
}

std::string Frr::ask(const std::string& command) const { return host_.must(fmt::format("vtysh -c '{}'", command)); }

void Frr::stop(int signal) {
    for (Process& one : processes_) (void)one.stop(signal);
}

Keepalived::Keepalived(const Host& host, std::string_view configuration)
    : process_(start_keepalived(host, configuration)) {}

std::vector<std::chrono::steady_clock::time_point> RouteChanges::stop() {
    using namespace std::chrono;
    const auto now = steady_clock::now();
    const double present = duration<double>(system_clock::now().time_since_epoch()).count();
    std::istringstream lines(process_.stop().out);
    std::vector<steady_clock::time_point> times;
    for (std::string line; std::getline(lines, line);) {
        // [2026-01-31T12:00:00.123456] 192.0.2.1 proto bird …
        std::tm date{};
        const char* fraction = ::strptime(line.c_str(), "[%Y-%m-%dT%H:%M:%S", &date);
        if (fraction == nullptr) throw std::runtime_error("ip monitor printed: " + line);
        if (std::ranges::none_of(addresses_, [&](const std::string& one) { return line.find(one) != line.npos; }))
            continue;
        const double then = static_cast<double>(::timegm(&date)) + std::strtod(fraction, nullptr);
        times.push_back(now - duration_cast<steady_clock::duration>(duration<double>(present - then)));
    }
    return times;
}

}  // namespace culvert::netns
