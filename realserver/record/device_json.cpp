// SPDX-License-Identifier: Apache-2.0
#include "realserver/record/device_json.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

namespace culvert::realserver {

namespace {

using netlink::Encap;
using netlink::IpAddress;
using netlink::MacAddress;
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
    if (!value) throw std::invalid_argument(fmt::format("\"{}\" is invalid", written));
    return value;
}

/// Writes parameters into an object.
struct Write {
    json& object;

    void operator()(const char* name, const std::optional<IpAddress>& value) const { put_text(object, name, value); }
    template <typename T>
    void operator()(const char* name, const std::optional<T>& value) const {
        if (value) object[name] = *value;
    }
    template <typename T>
    void operator()(const char* name, const T& value) const {
        if constexpr (std::is_enum_v<T>)
            object[name] = static_cast<std::underlying_type_t<T>>(value);
        else
            object[name] = value;
    }
    void operator()(const char* name, const Encap& encap) const { for_each_parameter(encap, Write{object[name]}); }
};

/// Reads parameters from an object.
struct Read {
    const json& object;

    void operator()(const char* name, std::optional<IpAddress>& value) const { value = text<IpAddress>(object, name); }
    template <typename T>
    void operator()(const char* name, std::optional<T>& value) const {
        value = object.contains(name) ? std::optional(object.at(name).get<T>()) : std::nullopt;
    }
    template <typename T>
    void operator()(const char* name, T& value) const {
        if constexpr (std::is_enum_v<T>)
            value = static_cast<T>(object.at(name).get<std::underlying_type_t<T>>());
        else
            value = object.at(name).get<T>();
    }
    void operator()(const char* name, Encap& encap) const { for_each_parameter(encap, Read{object.at(name)}); }
};

}  // namespace

json device_to_json(const Device& device) {
    json value{{"type", netlink::kind_name(device.parameters)}, {"name", device.name}};
    std::visit([&](const auto& parameters) { for_each_parameter(parameters, Write{value}); }, device.parameters);
    put_text(value, "mac", device.mac);
    return value;
}

Device device_from_json(const json& json) {
    const auto type = json.at("type").get<std::string>();
    auto parameters = netlink::decode_tunnel_device(type, {});
    if (!parameters) throw std::invalid_argument(fmt::format("\"{}\" is no kind of device", type));
    std::visit([&](auto& its) { for_each_parameter(its, Read{json}); }, *parameters);
    return {.name = json.at("name").get<std::string>(),
            .parameters = *std::move(parameters),
            .mac = text<MacAddress>(json, "mac")};
}

}  // namespace culvert::realserver
