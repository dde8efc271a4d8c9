// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <string_view>

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;
using yaml::Value;

constexpr std::array protocols{Protocol::tcp, Protocol::udp, Protocol::sctp};

bool is_prime(std::uint32_t number) {
    if (number < 2) return false;
    for (std::uint64_t divisor = 2; divisor * divisor <= number; ++divisor)
        if (number % divisor == 0) return false;
    return true;
}

/// The kind of an address that no host or VIP can have; otherwise empty.
std::string_view strangeness(const IpAddress& address) {
    if (address.is_any()) return "the unspecified";
    if (address.is_loopback()) return "a loopback";
    if (address.is_multicast()) return "a multicast";
    if (address.to_string() == "255.255.255.255") return "the broadcast";
    if (!address.is_v4() && address.is_link_local()) return "a link-local";
    return {};
}

template <typename Reader>
std::optional<IpAddress> read_unicast(const Value& value, Reader read) {
    const auto address = read(value);
    if (!address) return std::nullopt;
    const std::string_view kind = strangeness(*address);
    if (kind.empty()) return address;
    return value.fail(
        fmt::format("{} is {} address: write a unicast address that can be routed", address->to_string(), kind));
}

std::optional<std::uint16_t> port_number(std::string_view text) {
    const auto port = yaml::decimal(text);
    if (!port || *port == 0 || *port > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
    return static_cast<std::uint16_t>(*port);
}

std::optional<PortSpec> read_port_spec(const Value& value) {
    const yaml::Wanted wanted{"a port with its protocol", "one such as 53/udp, 8000-8099/tcp or any/sctp, up to 65535"};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    if (*text == "any") return value.fail("any stands alone: write ports: any, or any/tcp here");
    const auto slash = std::min(text->find('/'), text->size());
    const std::string_view ports = text->substr(0, slash);
    const auto dash = std::min(ports.find('-'), ports.size());
    const auto first = port_number(ports.substr(0, dash));
    const auto last = dash == ports.size() ? first : port_number(ports.substr(dash + 1));
    const bool is_any = ports == "any";
    if (!is_any && (!first || !last)) return value.mismatch(wanted);
    if (!is_any && *first > *last)
        return value.fail(fmt::format("{} ends before it begins: write {}-{}", yaml::in_quotes(ports), *last, *first));
    if (slash == text->size())
        return value.fail(fmt::format("\"{0}\" has no protocol: write {0}/tcp or {0}/udp, or both", ports));
    for (const Protocol protocol : protocols)
        if (text->substr(slash + 1) == name(protocol))
            return PortSpec{protocol, is_any ? std::uint16_t{0} : *first, is_any ? std::uint16_t{0} : *last};
    return value.fail(fmt::format("{} is not a protocol: write {}/tcp, {}/udp or {}/sctp",
                                  yaml::in_quotes(text->substr(slash + 1)), ports, ports, ports));
}

std::optional<std::uint64_t> read_flow_entries(const Value& value) {
    constexpr Key key = flow_keys["entries"];
    const auto entries = yaml::size_between(value, "a number of flow entries", key.least, key.most);
    if (entries && !std::has_single_bit(*entries))
        return value.fail(fmt::format("{} is not a power of two, as the size of the flow table must be: write {}",
                                      value.node().text, yaml::size_text(std::bit_ceil(*entries))));
    return entries;
}

}  // namespace

std::uint32_t next_prime(std::uint32_t number) {
    while (!is_prime(number)) ++number;
    return number;
}

std::optional<std::string> read_name(const Value& value) {
    constexpr std::size_t longest = 63;
    const yaml::Wanted wanted{"a name", fmt::format("1 to {} letters, digits and - _ . :", longest)};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    const bool allowed =
        text->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:") ==
        std::string_view::npos;
    if (text->empty() || text->size() > longest || !allowed || text->front() == '-') return value.mismatch(wanted);
    return std::string(*text);
}

std::optional<IpAddress> read_backend_address(const Value& value) { return read_unicast(value, yaml::address); }

std::optional<Vip> read_vip(const Value& value) {
    const auto written = netlink::Prefix::parse(value.node().text);
    if (!written || written->is_host()) return read_unicast(value, yaml::single_address);
    const auto prefix = yaml::prefix(value);
    if (!prefix) return std::nullopt;
    const int shortest = prefix->address.is_v4() ? 8 : 32;
    if (prefix->length < shortest)
        return value.fail(fmt::format("{} is too wide for a VIP: write /{} or longer", prefix->to_string(), shortest));
    if (const std::string_view kind = strangeness(prefix->address); !kind.empty())
        return value.fail(
            fmt::format("{} has {} address: write a network that can be routed", prefix->to_string(), kind));
    return prefix;
}

std::optional<std::vector<PortSpec>> read_ports(const Value& value) {
    std::vector<PortSpec> ports;
    if (value.node().text == "any") {
        for (const Protocol protocol : protocols) ports.push_back({protocol, 0});
        return ports;
    }
    const auto elements = value.list({"a list of ports", "one such as [53/udp, 53/tcp], or any"});
    if (!elements) return std::nullopt;
    if (elements->empty()) return value.fail("no ports: write at least one, such as [53/udp, 53/tcp], or any");
    for (const Value& element : *elements) {
        const auto spec = read_port_spec(element);
        if (!spec) continue;
        if (std::ranges::any_of(ports, [&](const PortSpec& other) { return overlap(*spec, other); }))
            element.fail(fmt::format("{} is in this list already: remove it", element.node().text));
        else
            ports.push_back(*spec);
    }
    return ports;
}

std::optional<std::uint32_t> read_table_size(const Value& value) {
    const auto size = number<std::uint32_t>(service_keys["table"], "the size of a Maglev table")(value);
    if (size && !is_prime(*size))
        return value.fail(
            fmt::format("{} is not prime, as the size of a Maglev table must be: write {}", *size, next_prime(*size)));
    return size;
}

std::optional<std::chrono::milliseconds> read_idle(const Value& value) {
    return duration(flow_keys["idle"], "an idle time")(value);
}

std::optional<int> read_scheduler(const Value& value) {
    static const auto scheduler = yaml::one_of<int>("a scheduler", {{"maglev", 0}});
    return scheduler(value);
}

std::optional<Track> read_track(const Value& value) {
    static const auto track = yaml::one_of<Track>(
        "a manner of tracking", {{"auto", Track::just_enough}, {"all", Track::all}, {"none", Track::none}});
    return track(value);
}

std::optional<std::string> read_path(const Value& value) {
    auto path = yaml::string(value);
    if (path && !path->starts_with('/')) return value.mismatch({"a path", "one that begins with /"});
    return path;
}

std::optional<Flows> read_flows(const Value& value) {
    Flows flows;
    Map map(value, "the flow table", "a map such as {entries: 4M, idle: 120s}");
    map.optional(flow_keys["entries"], read_flow_entries, flows.entries);
    map.optional(flow_keys["idle"], read_idle, flows.idle);
    map.finish();
    return flows;
}

std::optional<std::optional<Endpoint>> read_metrics(const Value& value) {
    const yaml::Wanted wanted{"an address with a port",
                              "one such as 127.0.0.1:9477 or \"[::1]:9477\" (in quotes), or off"};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    if (*text == "off") return std::optional<Endpoint>();
    const auto endpoint = Endpoint::parse(*text);
    if (!endpoint || endpoint->port == 0) return value.mismatch(wanted);
    return endpoint;
}

}  // namespace culvert::lbd
