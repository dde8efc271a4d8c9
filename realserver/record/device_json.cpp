// SPDX-License-Identifier: Apache-2.0
#include "realserver/record/device_json.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include <nlohmann/json.hpp>

namespace culvert::realserver {

namespace {

using netlink::Encap;
using netlink::Geneve;
using netlink::IpAddress;
using netlink::MacAddress;
using netlink::Tunnel;
using nlohmann::json;

template <typename T>
void put_text(json& object, const char* name, const std::optional<T>& value) {
    if (value) object[name] = value->to_string();
}

template <typename T>
std::optional<T> text(const json& object, const char* name) {
    if (!object.contains(name)) return std::nullopt;
    const auto written = object.at(name).get<std::string>();
    auto value = T::parse(written);
    if (!value) throw std::invalid_argument(fmt::format("\"{}\" makes no sense", written));
    return value;
}

template <typename T>
void put_number(json& object, const char* name, const std::optional<T>& value) {
    if (value) object[name] = *value;
}

template <typename T>
std::optional<T> number(const json& object, const char* name) {
    return object.contains(name) ? std::optional(object.at(name).get<T>()) : std::nullopt;
}

json to_json(const Encap& encap) {
    return {{"type", static_cast<std::uint16_t>(encap.type)},
            {"source_port", encap.source_port},
            {"destination_port", encap.destination_port},
            {"checksum", encap.checksum},
            {"checksum6", encap.checksum6},
            {"remote_checksum", encap.remote_checksum}};
}

Encap to_encap(const json& value) {
    return {.type = static_cast<netlink::EncapType>(value.at("type").get<std::uint16_t>()),
            .source_port = value.at("source_port").get<std::uint16_t>(),
            .destination_port = value.at("destination_port").get<std::uint16_t>(),
            .checksum = value.at("checksum").get<bool>(),
            .checksum6 = value.at("checksum6").get<bool>(),
            .remote_checksum = value.at("remote_checksum").get<bool>()};
}

json to_json(const Tunnel& tunnel) {
    json value{{"type", name(tunnel.kind)},
               {"link", tunnel.link},
               {"ttl", tunnel.ttl},
               {"tos", tunnel.tos},
               {"path_mtu_discovery", tunnel.path_mtu_discovery},
               {"external", tunnel.external},
               {"inner", static_cast<std::uint8_t>(tunnel.inner)},
               {"encap", to_json(tunnel.encap)}};
    put_text(value, "local", tunnel.local);
    put_text(value, "remote", tunnel.remote);
    put_number(value, "encap_limit", tunnel.encap_limit);
    put_number(value, "input_key", tunnel.input_key);
    put_number(value, "output_key", tunnel.output_key);
    return value;
}

Tunnel to_tunnel(netlink::TunnelKind kind, const json& value) {
    return {.kind = kind,
            .local = text<IpAddress>(value, "local"),
            .remote = text<IpAddress>(value, "remote"),
            .link = value.at("link").get<std::uint32_t>(),
            .ttl = value.at("ttl").get<std::uint8_t>(),
            .tos = value.at("tos").get<std::uint8_t>(),
            .path_mtu_discovery = value.at("path_mtu_discovery").get<bool>(),
            .encap_limit = number<std::uint8_t>(value, "encap_limit"),
            .external = value.at("external").get<bool>(),
            .inner = static_cast<netlink::TunnelInner>(value.at("inner").get<std::uint8_t>()),
            .input_key = number<std::uint32_t>(value, "input_key"),
            .output_key = number<std::uint32_t>(value, "output_key"),
            .encap = to_encap(value.at("encap"))};
}

json to_json(const Geneve& geneve) {
    json value{{"type", "geneve"},
               {"vni", geneve.vni},
               {"port", geneve.port},
               {"ttl", geneve.ttl},
               {"tos", geneve.tos},
               {"external", geneve.external},
               {"inner_proto_inherit", geneve.inner_proto_inherit},
               {"checksum", geneve.checksum},
               {"zero_checksum6_send", geneve.zero_checksum6_send},
               {"zero_checksum6_accept", geneve.zero_checksum6_accept}};
    put_text(value, "remote", geneve.remote);
    return value;
}

Geneve to_geneve(const json& value) {
    return {.vni = value.at("vni").get<std::uint32_t>(),
            .remote = text<IpAddress>(value, "remote"),
            .port = value.at("port").get<std::uint16_t>(),
            .ttl = value.at("ttl").get<std::uint8_t>(),
            .tos = value.at("tos").get<std::uint8_t>(),
            .external = value.at("external").get<bool>(),
            .inner_proto_inherit = value.at("inner_proto_inherit").get<bool>(),
            .checksum = value.at("checksum").get<bool>(),
            .zero_checksum6_send = value.at("zero_checksum6_send").get<bool>(),
            .zero_checksum6_accept = value.at("zero_checksum6_accept").get<bool>()};
}

}  // namespace

json device_to_json(const Device& device) {
    json value = std::visit([](const auto& parameters) { return to_json(parameters); }, device.parameters);
    value["name"] = device.name;
    put_text(value, "mac", device.mac);
    return value;
}

Device device_from_json(const json& json) {
    Device device{.name = json.at("name").get<std::string>(), .parameters = {}, .mac = text<MacAddress>(json, "mac")};
    const auto type = json.at("type").get<std::string>();
    if (const auto kind = netlink::tunnel_kind(type))
        device.parameters = to_tunnel(*kind, json);
    else if (type == "geneve")
        device.parameters = to_geneve(json);
    else
        throw std::invalid_argument(fmt::format("\"{}\" is no kind of device", type));
    return device;
}

}  // namespace culvert::realserver
