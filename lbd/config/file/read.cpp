// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/read.hpp"

#include <optional>
#include <utility>

#include "lbd/config/file/announce.hpp"
#include "lbd/config/file/cluster.hpp"
#include "lbd/config/file/foreign_keys.hpp"
#include "lbd/config/file/marks.hpp"
#include "lbd/config/file/service.hpp"
#include "lbd/config/file/values.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;
using yaml::Value;

std::optional<Config> read_root(const Value& value) {
    static const auto xdp_mode = yaml::one_of<XdpMode>(
        "an XDP mode", {{"auto", XdpMode::automatic}, {"native", XdpMode::native}, {"generic", XdpMode::generic}});
    Config config;
    Defaults defaults;
    Pools pools;
    std::vector<ReadService> services;
    Map map(value, "the configuration", "a map of interfaces, services and so on", foreign_root_keys);
    map.required(root_keys["interfaces"], yaml::interface_names, config.interfaces, "[eth0]");
    map.optional(root_keys["xdp"], xdp_mode, config.xdp);
    map.optional(root_keys["flows"], read_flows, config.flows);
    map.optional(root_keys["latency"], yaml::boolean, config.latency);
    map.optional(root_keys["metrics"], read_metrics, config.metrics);
    map.optional(root_keys["cluster"], read_cluster, config.cluster);
    std::optional<ReadAnnounce> announce;
    map.optional(root_keys["announce"], read_announce, announce);
    map.optional(root_keys["defaults"], read_defaults, defaults);
    map.optional(root_keys["pools"], read_pools, pools);
    defaults.idle = config.flows.idle;
    if (announce) {
        config.announce = announce->announce;
        defaults.metric = announce->metric;
    }
    const auto service = [&](const Value& item) { return read_service(item, defaults, pools); };
    map.required(root_keys["services"],
                 yaml::list_of(service, {"a list of services", "one item for each, starting with \"- name:\""}),
                 services, "[{name: dns, vip: 192.0.2.1, …}]");
    map.finish();
    check_together(services);
    for (ReadService& read : services) config.services.push_back(std::move(read.service));
    return config;
}

}  // namespace

yaml::Result<Reading> read_config(std::string_view file, std::string text) {
    const auto read = [&](const Value& value) -> std::optional<Reading> {
        auto config = read_root(value);
        if (!config) return std::nullopt;
        return Reading{.config = *std::move(config), .text = {}, .marks = marks_of(value.node(), text)};
    };
    auto reading = yaml::parse(file, text, read);
    if (reading) reading->text = std::move(text);
    return reading;
}

}  // namespace culvert::lbd
