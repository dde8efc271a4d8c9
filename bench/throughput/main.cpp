// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "bench/command.hpp"
#include "bench/throughput/path.hpp"
#include "tests/netns/harness/process.hpp"
#include "tests/netns/harness/requirements.hpp"

/// Packets a second through namespaces: lbd and programs with the same task, or none, in turns.
namespace culvert::bench {

namespace {

using netns::Host;
using netns::Process;

struct Subject {
    std::string name;
    std::uint8_t arrive_as;  ///< IP protocol
    std::unique_ptr<Path> path = std::make_unique<Path>();
    std::optional<Process> process = {};
    std::function<std::uint64_t()> counted = {};  ///< the subject's own count of forwarded packets, if it has one
    std::vector<double> nanoseconds = {};
};

Subject through() {
    Subject subject{"XDP that passes frames on", IPPROTO_UDP};
    subject.path->pass_through();
    return subject;
}

Subject forwarding() {
    Subject subject{"the kernel forwards", IPPROTO_UDP};
    const Host& host = subject.path->middle();
    host.set_sysctl("net.ipv4.ip_forward", "1");
    host.ip(fmt::format("route add {} via {}\n", vip, beyond));
    return subject;
}

Subject lbd(const char* name, const std::string& encap, std::uint8_t arrive_as) {
    Subject subject{name, arrive_as};
    const Host& host = subject.path->middle();
    host.write("/run/lbd.yaml",
               fmt::format("interfaces: [eth0, eth1]\nmetrics: off\nflows: {{entries: 64k}}\nservices:\n"
                           "  - {{name: bench, vip: {}, ports: [9/udp], encap: {}, "
                           "backends: [{{address: {}}}]}}\n",
                           vip, encap, beyond));
    subject.process = host.spawn(CULVERT_LBD " run -c /run/lbd.yaml");
    subject.process->wait_for("10.9.0.3: reachable");
    subject.counted = [&host] {
        const auto backends = nlohmann::json::parse(host.must(CULVERT_LBD " show backends --json"));
        return backends.at(0).at("packets").get<std::uint64_t>();
    };
    return subject;
}

Subject ipvs() {
    Subject subject{"IPVS, Maglev table, IPIP", IPPROTO_IPIP};
    const Host& host = subject.path->middle();
    host.ip(fmt::format("addr add {}/32 dev lo\n", vip));
    host.must(fmt::format("ipvsadm -A -u {}:9 -s mh", vip));
    host.must(fmt::format("ipvsadm -a -u {}:9 -r {}:9 --ipip", vip, beyond));
    return subject;
}

std::vector<Subject> subjects() {
    std::vector<Subject> all;
    all.push_back(through());
    all.push_back(lbd("lbd, L2", "{type: l2}", IPPROTO_UDP));
    all.push_back(lbd("lbd, IPIP", "{type: ipip}", IPPROTO_IPIP));
    all.push_back(lbd("lbd, GUE", "{type: gue, port: 5080}", IPPROTO_UDP));
    all.push_back(forwarding());
    for (const char* module : {"ip_vs", "ip_vs_mh"})
        if (const auto missing = netns::missing_module(module)) {
            fmt::print(stderr, "no row for IPVS: {}\n", *missing);
            return all;
        }
    if (const auto missing = netns::missing_program("ipvsadm"))
        fmt::print(stderr, "no row for IPVS: {}\n", *missing);
    else
        all.push_back(ipvs());
    return all;
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

/// Keeps the processing of incoming packets on the sender's processor.
void stay_on_one_processor() {
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    ::sched_setaffinity(0, sizeof first, &first);
}

nlohmann::ordered_json measure(std::uint32_t frames, int rounds) {
    auto all = subjects();
    stay_on_one_processor();
    for (int round = -1; round < rounds; ++round)  // the first round warms up
        for (Subject& subject : all) {
            const std::uint64_t before = subject.counted ? subject.counted() : 0;
            const double taken = subject.path->send(frames, subject.arrive_as).count();
            if (subject.counted && subject.counted() - before != frames)
                throw std::runtime_error(subject.name + ": its count differs from the number of frames sent");
            if (round >= 0) subject.nanoseconds.push_back(taken);
        }

    utsname system{};
    ::uname(&system);
    fmt::print("64-byte frames, 4,096 flows of UDP, kernel {}: medians of {} rounds of {} frames\n", system.release,
               rounds, frames);
    fmt::print("{:28} {:>10} {:>8} {:>8} {:>8} {:>12}\n", "", "packets/s", "ns", "least", "most", "× forwarding");
    const auto yardstick = std::ranges::find(all, std::string("the kernel forwards"), &Subject::name);
    const double forwarding = median(yardstick->nanoseconds);
    auto rows = nlohmann::ordered_json::array();
    for (const Subject& subject : all) {
        const double ns = median(subject.nanoseconds);
        const auto [least, most] = std::ranges::minmax(subject.nanoseconds);
        fmt::print("{:28} {:>10.0f} {:>8.0f} {:>8.0f} {:>8.0f} {:>12.2f}\n", subject.name, 1e9 / ns, ns, least, most,
                   forwarding / ns);
        rows.push_back({{"name", subject.name},
                        {"packets_per_second", 1e9 / ns},
                        {"ns", ns},
                        {"ns_least", least},
                        {"ns_most", most},
                        {"times_forwarding", forwarding / ns}});
    }
    return {{"kernel", system.release}, {"rows", std::move(rows)}};
}

}  // namespace

}  // namespace culvert::bench

int main(int argc, char** argv) {
    std::uint32_t frames = 200'000;
    int rounds = 9;
    CLI::App app("Packets a second through network namespaces.", "bench_throughput");
    app.add_option("--frames", frames, "in each round")->check(CLI::PositiveNumber);
    app.add_option("--rounds", rounds, "of which the median counts")->check(CLI::PositiveNumber);
    return culvert::bench::run(app, argc, argv, [&] { return culvert::bench::measure(frames, rounds); });
}
