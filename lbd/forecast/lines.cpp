// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/lines.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

#include "lbd/cluster/view.hpp"

namespace culvert::lbd {
namespace {

class LineList {
  public:
    explicit LineList(std::vector<ViewLine> lines = {}) : lines_(std::move(lines)) {}

    void put(std::string key, const auto& value) { lines_.push_back({std::move(key), fmt::format("{}", value)}); }
    void put(std::string key, const std::vector<std::string>& list) {
        lines_.push_back({std::move(key), fmt::format("{}", fmt::join(list, ", "))});
    }
    void put(std::string key, std::chrono::milliseconds time) {
        put(std::move(key), fmt::format("{}ms", time.count()));
    }
    [[nodiscard]] std::vector<ViewLine> sorted() && {
        std::ranges::sort(lines_);
        return std::move(lines_);
    }

  private:
    std::vector<ViewLine> lines_;
};

std::string_view on_or_off(bool on) { return on ? "on" : "off"; }

/// The type of a check, and the lines that it alone has.
struct PutKind {
    LineList& lines;

    void operator()(const TcpCheck& /*check*/) const { lines.put("health", "tcp"); }
    void operator()(const SynCheck& /*check*/) const { lines.put("health", "syn"); }
    void operator()(const IcmpCheck& /*check*/) const { lines.put("health", "icmp"); }
    void operator()(const HttpCheck& check) const {
        lines.put("health", check.tls ? "https" : "http");
        lines.put("health: verify", on_or_off(check.verify));
        lines.put("health: path", check.path);
        if (!check.host.empty()) lines.put("health: host", check.host);
        if (!check.match.empty()) lines.put("health: match", check.match);
        std::vector<std::string> ranges;
        for (const StatusRange& range : check.status) ranges.push_back(fmt::format("{}-{}", range.first, range.last));
        lines.put("health: status", ranges);
    }
    void operator()(const DnsCheck& check) const {
        lines.put("health", "dns");
        lines.put("health: name", check.name);
        lines.put("health: record", check.record);
        lines.put("health: tcp", on_or_off(check.tcp));
    }
    void operator()(const ScriptCheck& check) const {
        lines.put("health", "script");
        lines.put("health: command", check.command);
    }
};

std::string_view word(XdpMode mode) {
    return mode == XdpMode::native ? "native" : mode == XdpMode::generic ? "generic" : "auto";
}

std::vector<std::string> texts(const std::vector<IpAddress>& addresses) {
    std::vector<std::string> texts;
    for (const IpAddress& one : addresses) texts.push_back(one.to_string());
    return texts;
}

}  // namespace

std::vector<ViewLine> lines_of(const Service& service) {
    // What others see is most of it. The health of this moment is not of the configuration.
    std::vector<ViewLine> seen = view_of(service, {}).lines;
    std::erase_if(seen, [](const ViewLine& line) {
        return line.key == "minimum" || (line.key.starts_with("backend ") && line.key.ends_with(": health"));
    });
    LineList lines(std::move(seen));
    lines.put("announce", service.announce.wanted ? fmt::format("metric {}", service.announce.metric) : "no");
    if (!service.health) return std::move(lines).sorted();
    const HealthCheck& check = *service.health;
    std::visit(PutKind{lines}, check.kind);
    // Without a port it is the first one, so the order of ports counts.
    lines.put("health: port", check.port != 0 ? check.port : service.ports.front().port);
    lines.put("health: interval", check.interval);
    lines.put("health: timeout", check.timeout);
    lines.put("health: rise", check.rise);
    lines.put("health: fall", check.fall);
    lines.put("health: on_failure", check.on_failure == OnFailure::move ? "move" : "keep");
    lines.put("health: minimum", check.minimum);
    lines.put("health: slow_start", check.slow_start);
    return std::move(lines).sorted();
}

std::string summary_of(const Service& service) {
    std::vector<std::string> ports;
    for (const PortSpec& port : service.ports) ports.push_back(to_string(port));
    return fmt::format("{} {}, {} backend{}", service.vip.to_string(), fmt::join(ports, ", "), service.backends.size(),
                       service.backends.size() == 1 ? "" : "s");
}

std::vector<ViewLine> lines_of(const Config& config) {
    LineList lines;
    for (const std::string& name : config.interfaces) lines.put("interface " + name, "balances what arrives there");
    lines.put("xdp", word(config.xdp));
    lines.put("flows: entries", config.flows.entries);
    lines.put("flows: idle", config.flows.idle);
    lines.put("latency", on_or_off(config.latency));
    lines.put("metrics", config.metrics ? config.metrics->to_string() : "off");
    const Cluster& cluster = config.cluster;
    if (!cluster.key_file.empty()) lines.put("cluster: key_file", cluster.key_file);
    if (cluster.address) lines.put("cluster: address", cluster.address->to_string());
    lines.put("cluster: port", cluster.port);
    if (!cluster.peers.empty()) lines.put("cluster: peers", texts(cluster.peers));
    lines.put("cluster: join_timeout", cluster.join_timeout);
    if (config.announce) {
        const Announce& announce = *config.announce;
        lines.put("announce", announce.when == AnnounceWhen::any ? "when any" : "when all");
        lines.put("announce: table", announce.table);
        lines.put("announce: protocol", announce.protocol);
        lines.put("announce: hold", announce.hold);
    }
    return std::move(lines).sorted();
}

}  // namespace culvert::lbd
