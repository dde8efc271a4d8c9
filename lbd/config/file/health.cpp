// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/health.hpp"

#include <arpa/nameser.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lbd/config/file/map.hpp"
#include "lbd/config/file/values.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;
using yaml::Value;

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

/// A host as in a URL, without port and path.
std::optional<std::string> read_host(const Value& value) {
    auto host = yaml::string(value);
    if (host && host->find_first_of("/:@?# ") != std::string::npos)
        return value.mismatch({"a host", "a name such as www.example"});
    return host;
}

HttpCheck read_http(Map& map, bool tls) {
    HttpCheck check{.tls = tls};
    map.optional(http_keys["host"], read_host, check.host);
    map.optional(http_keys["path"], read_path, check.path);
    map.optional(http_keys["status"], yaml::list_of(read_status, {"a list of statuses", "one such as [200-299, 401]"}),
                 check.status);
    map.optional(http_keys["match"], yaml::string, check.match);
    if (tls) map.optional(https_keys["verify"], yaml::boolean, check.verify);
    return check;
}

DnsCheck read_dns(Map& map) {
    static const auto record = yaml::one_of<std::uint16_t>(
        "a type of record",
        {{"A", ns_t_a}, {"AAAA", ns_t_aaaa}, {"NS", ns_t_ns}, {"SOA", ns_t_soa}, {"TXT", ns_t_txt}});
    static const auto transport = yaml::one_of<bool>("a transport of DNS", {{"udp", false}, {"tcp", true}});
    DnsCheck check;
    map.required(dns_keys["name"], yaml::string, check.name, "health.example");
    map.optional(dns_keys["record"], record, check.record);
    map.optional(dns_keys["transport"], transport, check.tcp);
    return check;
}

ScriptCheck read_script(Map& map) {
    ScriptCheck check;
    const auto words =
        yaml::list_of(yaml::string, {"a command", "a list of words such as [/usr/local/bin/check, --fast]"});
    map.required(script_keys["command"], words, check.command, "[/usr/local/bin/check]");
    if (const auto command = map.find(script_keys["command"]); command && check.command.empty())
        command->fail("no command: write at least the program, such as [/usr/local/bin/check]");
    return check;
}

CheckKind read_kind(Type type, Map& map) {
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

/// The default timeout is a second, or the interval if that is shorter.
void read_times(Map& map, HealthCheck& check) {
    map.optional(check_keys["interval"], duration(check_keys["interval"], "an interval"), check.interval);
    check.timeout = std::min(check.timeout, check.interval);
    if (map.optional(check_keys["timeout"], duration(check_keys["timeout"], "a timeout"), check.timeout) &&
        check.timeout > check.interval)
        map.find(check_keys["timeout"])
            ->fail(fmt::format("a timeout of {} is longer than the interval of {}: write a shorter one", check.timeout,
                               check.interval));
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
        yaml::one_of<OnFailure>("a treatment of flows", {{"move", OnFailure::move}, {"keep", OnFailure::keep}});
    Type type{};
    Map map(value, "a health check", "a map such as {type: tcp, interval: 2s}");
    if (!map.required(check_keys["type"], type_of, type, "tcp")) return std::nullopt;
    HealthCheck check;
    check.kind = read_kind(type, map);
    map.optional(check_keys["port"], yaml::port, check.port);
    read_times(map, check);
    map.optional(check_keys["rise"], number<std::uint16_t>(check_keys["rise"], "a number of answers"), check.rise);
    map.optional(check_keys["fall"], number<std::uint16_t>(check_keys["fall"], "a number of failures"), check.fall);
    map.optional(check_keys["on_failure"], on_failure, check.on_failure);
    map.optional(check_keys["minimum"], number<std::uint16_t>(check_keys["minimum"], "a number of backends"),
                 check.minimum);
    map.optional(check_keys["slow_start"], duration(check_keys["slow_start"], "a slow start"), check.slow_start);
    map.finish();
    return check;
}

}  // namespace culvert::lbd
