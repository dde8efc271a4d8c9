// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/announce.hpp"

#include <fmt/format.h>

#include "lbd/config/file/map.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;
using yaml::Value;

const auto read_metric = number<std::uint32_t>(metric_key, "a metric");

std::optional<std::uint32_t> read_table(const Value& value) {
    constexpr Key key = announce_keys["table"];
    const yaml::Wanted wanted{"a routing table", fmt::format("a number from {} to {}, or main", key.least, key.most)};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    if (*text == "main") return Announce::main_table;
    const auto number = yaml::decimal(*text);
    if (!number || *number < key.least || *number > key.most) return value.mismatch(wanted);
    return static_cast<std::uint32_t>(*number);
}

std::optional<std::uint8_t> read_protocol(const Value& value) {
    const auto protocol = number<std::uint8_t>(announce_keys["protocol"], "a protocol of routes")(value);
    if (!protocol) return std::nullopt;
    if (const auto user = user_of_protocol(*protocol); !user.empty())
        return value.fail(fmt::format("protocol {} marks routes of {}: write one that nobody uses, such as {}",
                                      *protocol, user, Announce{}.protocol));
    return protocol;
}

}  // namespace

std::optional<ReadAnnounce> read_announce(const Value& value) {
    static const auto when =
        yaml::one_of<AnnounceWhen>("a condition", {{"any", AnnounceWhen::any}, {"all", AnnounceWhen::all}});
    ReadAnnounce read;
    Map map(value, "announce", "a map such as {table: 186}; {} has all defaults");
    map.optional(announce_keys["table"], read_table, read.announce.table);
    map.optional(announce_keys["protocol"], read_protocol, read.announce.protocol);
    map.optional(announce_keys["hold"], duration(announce_keys["hold"], "a time that a VIP is held"),
                 read.announce.hold);
    map.optional(announce_keys["when"], when, read.announce.when);
    map.optional(announce_keys["metric"], read_metric, read.metric);
    map.finish();
    return read;
}

std::optional<ServiceAnnounce> read_service_announce(const Value& value, std::optional<std::uint32_t> metric) {
    if (value.node().kind == yaml::Node::Kind::scalar && value.node().text == "no")
        return ServiceAnnounce{.wanted = false, .metric = metric.value_or(usual_metric)};
    ServiceAnnounce announce{.wanted = true, .metric = metric.value_or(usual_metric)};
    Map map(value, "announce of a service", "no, or a map such as {metric: 200}");
    map.optional(service_announce_keys["metric"], read_metric, announce.metric);
    map.finish();
    if (!metric) return value.fail("lbd announces no VIP: write announce: {} beside services, too, or remove this");
    return announce;
}

}  // namespace culvert::lbd
