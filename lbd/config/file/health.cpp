// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/health.hpp"

#include <arpa/nameser.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/scalars.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;
using yaml::MapReader;
using yaml::Value;
using namespace std::chrono_literals;

enum class Type : std::uint8_t { tcp, syn, http, https, dns, icmp, script };

std::optional<StatusRange> read_status(const Value& value) {
    const yaml::Wanted wanted{"an HTTP status", "one such as 200, or a range such as 200-299, up to 599"};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    const auto dash = std::min(text->find('-'), text->size());
    const auto first = yaml::decimal(text->substr(0, dash));
    const auto last = dash == text->size() ? first : yaml::decimal(text->substr(dash + 1));
    if (!first || !last || *first < 100 || *last > 599 || *first > *last) return value.mismatch(wanted);
    return StatusRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

std::optional<std::string> read_path(const Value& value) {
    auto path = yaml::string(value);
    if (path && !path->starts_with('/')) return value.mismatch({"a path", "one that begins with /"});
    return path;
}

/// As in a URL: neither a port nor a path.
std::optional<std::string> read_host(const Value& value) {
    auto host = yaml::string(value);
    if (host && host->find_first_of("/:@?# ") != std::string::npos)
        return value.mismatch({"a host", "a name such as www.example"});
    return host;
}

HttpCheck read_http(MapReader& map, bool tls) {
    HttpCheck check{.tls = tls};
    map.optional("host", read_host, check.host);
    map.optional("path", read_path, check.path);
    map.optional("status", yaml::list_of(read_status, {"a list of statuses", "one such as [200-299, 401]"}),
                 check.status);
    map.optional("match", yaml::string, check.match);
    if (tls) map.optional("verify", yaml::boolean, check.verify);
    return check;
}

DnsCheck read_dns(MapReader& map) {
    static const auto record = yaml::one_of<std::uint16_t>(
        "a type of record",
        {{"A", ns_t_a}, {"AAAA", ns_t_aaaa}, {"NS", ns_t_ns}, {"SOA", ns_t_soa}, {"TXT", ns_t_txt}});
    static const auto transport = yaml::one_of<bool>("a transport of DNS", {{"udp", false}, {"tcp", true}});
    DnsCheck check;
    map.required("name", yaml::string, check.name, "health.example");
    map.optional("record", record, check.record);
    map.optional("transport", transport, check.tcp);
    return check;
}

ScriptCheck read_script(MapReader& map) {
    ScriptCheck check;
    const auto words =
        yaml::list_of(yaml::string, {"a command", "a list of words such as [/usr/local/bin/check, --fast]"});
    map.required("command", words, check.command, "[/usr/local/bin/check]");
    if (const auto command = map.find("command"); command && check.command.empty())
        command->fail("no command: write at least the program, such as [/usr/local/bin/check]");
    return check;
}

CheckKind read_kind(Type type, MapReader& map) {
    switch (type) {
        case Type::tcp:
            return TcpCheck{};
        case Type::syn:
            return SynCheck{};
        case Type::http:
        case Type::https:
            return read_http(map, type == Type::https);
        case Type::dns:
            return read_dns(map);
        case Type::icmp:
            return IcmpCheck{};
        case Type::script:
            return read_script(map);
    }
    return {};
}

/// Without a timeout of its own a check waits a second, or until the next one if that is sooner.
void read_times(MapReader& map, HealthCheck& check) {
    map.optional("interval", yaml::duration("an interval", 100ms, 1h), check.interval);
    check.timeout = std::min(check.timeout, check.interval);
    if (map.optional("timeout", yaml::duration("a timeout", 10ms, 30s), check.timeout) &&
        check.timeout > check.interval)
        map.find("timeout")->fail(fmt::format("a timeout of {} is longer than the interval of {}: write a shorter one",
                                              check.timeout, check.interval));
}

}  // namespace

std::optional<HealthCheck> read_health(const Value& value) {
    static const auto type_of = yaml::one_of<Type>("a type of health check", {{"tcp", Type::tcp},
                                                                              {"syn", Type::syn},
                                                                              {"http", Type::http},
                                                                              {"https", Type::https},
                                                                              {"dns", Type::dns},
                                                                              {"icmp", Type::icmp},
                                                                              {"script", Type::script}});
    static const auto on_failure =
        yaml::one_of<OnFailure>("what becomes of the flows", {{"move", OnFailure::move}, {"keep", OnFailure::keep}});
    const auto count = [](const char* noun, std::uint16_t most) { return yaml::number<std::uint16_t>(noun, 1, most); };
    Type type{};
    MapReader map(value, "a health check", "a map such as {type: tcp, interval: 2s}");
    if (!map.required("type", type_of, type, "tcp")) return std::nullopt;
    HealthCheck check;
    check.kind = read_kind(type, map);
    map.optional("port", yaml::port, check.port);
    read_times(map, check);
    map.optional("rise", count("a number of answers", 100), check.rise);
    map.optional("fall", count("a number of failures", 100), check.fall);
    map.optional("on_failure", on_failure, check.on_failure);
    map.optional("minimum", count("a number of backends", UINT16_MAX), check.minimum);
    map.optional("slow_start", yaml::duration("a slow start", 0ms, 1h), check.slow_start);
    map.finish();
    return check;
}

}  // namespace culvert::lbd
