// SPDX-License-Identifier: Apache-2.0
#include "bench/sharing/observed.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

#include "bench/sharing/others.hpp"
#include "lbd/key/key_file.hpp"
#include "tests/netns/harness/clients.hpp"
#include "tests/netns/harness/network.hpp"

namespace culvert::bench::sharing {
namespace {

constexpr double table_size = 65'537;  // lbd's default

lbd::ClusterKey new_key() {
    auto key = lbd::random_key();
    if (!key) throw std::runtime_error(key.error().message());
    return *key;
}

std::vector<std::string> others_addresses(unsigned balancers) {
    std::vector<std::string> addresses;
    for (unsigned number = 1; number < balancers; ++number) addresses.push_back(address_of_other(number) + "/16");
    return addresses;
}

std::vector<std::string> backends_addresses(unsigned backends) {
    std::vector<std::string> addresses;
    for (unsigned number = 1; number <= backends; ++number)
        addresses.push_back(fmt::format("10.1.{}.{}/16", number / 250, 1 + number % 250));
    return addresses;
}

/// A line of /proc/PID/status, in KiB.
std::uint64_t memory_of(const netns::Host& host, pid_t process, std::string_view name) {
    std::istringstream lines(host.read(fmt::format("/proc/{}/status", process)));
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(name)) return std::stoull(line.substr(name.size() + 1)) * 1024;
    return 0;
}

/// Seconds in user and kernel mode.
double processor_time(const netns::Host& host, pid_t process) {
    const std::string stat = host.read(fmt::format("/proc/{}/stat", process));
    std::istringstream fields(stat.substr(stat.rfind(')') + 2));
    std::string field;
    double ticks = 0;
    for (int i = 0; i <= 12 && fields >> field; ++i)  // utime and stime are fields 14 and 15: see proc(5)
        if (i >= 11) ticks += std::stod(field);
    return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

Observed::Observed(const Options& options)
    : options_(options),
      host_("balancer"),
      clients_("clients"),
      backends_("backends"),
      others_("others"),
      key_(new_key()) {
    netns::connect({host_, "eth0", {"10.0.0.2/24"}}, {clients_, "eth0", {"10.0.0.1/24"}});
    netns::connect({host_, "eth1", {"10.1.255.254/16"}}, {backends_, "eth0", backends_addresses(options.backends)});
    netns::connect({host_, "eth2", {std::string(observed_address) + "/16"}},
                   {others_, "eth0", others_addresses(options.balancers)});
    host_.write("/run/cluster.key", lbd::to_line(key_));
    host_.must("chmod 600 /run/cluster.key");
}

std::string Observed::config(unsigned drained) const {
    std::string peers;
    for (unsigned number = 1; number < options_.balancers; ++number)
        peers += fmt::format("{}{}", number == 1 ? "" : ", ", address_of_other(number));
    std::string text = fmt::format(
        "interfaces: [eth0, eth1]\nmetrics: off\nflows: {{entries: {}, idle: {}s}}\n"
        "cluster: {{key_file: /run/cluster.key, address: {}, peers: [{}]}}\n"
        "services:\n  - name: web\n    vip: 192.0.2.1\n    ports: [80/tcp]\n    encap: {{type: l2}}\n    backends:\n",
        options_.entries, options_.idle, observed_address, peers);
    const auto addresses = backends_addresses(options_.backends);
    for (unsigned number = 1; number <= options_.backends; ++number)
        text += fmt::format("      - {{name: b{}, address: {}{}}}\n", number,
                            addresses[number - 1].substr(0, addresses[number - 1].find('/')),
                            number == drained ? ", state: drain" : "");
    return text;
}

void Observed::start() {
    host_.write("/run/lbd.yaml", config(0));
    process_ = host_.spawn(CULVERT_LBD " run -c /run/lbd.yaml");
}

void Observed::reload(unsigned drained) {
    host_.write("/run/lbd.yaml", config(drained));
    host_.must(CULVERT_LBD " reload");
}

void Observed::stop() {
    host_.must(CULVERT_LBD " stop --detach");
    process_->wait();
}

nlohmann::json Observed::show(const char* what) const {
    const auto answer = nlohmann::json::parse(netns::answer_at(
        host_, "/run/culvert/lbd/lbd.sock", fmt::format(R"({{"command": "show", "what": "{}"}})", what)));
    return answer.at("ok");
}

Counts Observed::counts() const {
    Counts counts;
    const auto cluster = show("cluster");
    for (const auto& peer : cluster.at("peers")) {
        counts.records_in += peer.at("records_in").get<std::uint64_t>();
        counts.records_out += peer.at("records_out").get<std::uint64_t>();
        counts.bytes_in += peer.at("bytes_in").get<std::uint64_t>();
        counts.bytes_out += peer.at("bytes_out").get<std::uint64_t>();
        counts.peers += peer.at("state") == "up" ? 1U : 0U;
        counts.lag = std::max(counts.lag, std::chrono::milliseconds(peer.value("lag_ms", 0)));
    }
    counts.waiting = cluster.value("waiting", std::uint64_t{0});
    counts.entries = show("flows").at("used");
    counts.processor = processor_time(host_, process_->pid());
    counts.memory = memory_of(host_, process_->pid(), "RssAnon:");
    return counts;
}

double Observed::moving() const {
    double slots = 0;
    const auto flows = show("flows");
    for (const auto& service : flows.at("services"))
        for (const auto& backend : service.at("backends")) slots += backend.value("former_slots", 0.0);
    return slots / table_size;
}

}  // namespace culvert::bench::sharing
