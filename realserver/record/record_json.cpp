// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <stdexcept>

#include <nlohmann/json.hpp>

#include "realserver/record/device_json.hpp"
#include "realserver/record/record_file.hpp"

namespace culvert::realserver {

namespace {

using netlink::FouType;
using netlink::IpAddress;
using nlohmann::json;

constexpr int version = 1;

struct ToJson {
    json operator()(const Device& device) const { return device_to_json(device); }
    json operator()(const TunnelMode& mode) const {
        return {{"device", mode.device}, {"inner", static_cast<int>(mode.inner)}};
    }
    json operator()(const Sysctl& sysctl) const { return {{"key", sysctl.key.to_string()}, {"value", sysctl.value}}; }
    json operator()(const Vip& vip) const {
        json result{{"prefix", vip.prefix.to_string()}};
        if (vip.manner)
            result["manner"] = {{"length", vip.manner->length},
                                {"scope", vip.manner->scope},
                                {"flags", vip.manner->flags},
                                {"label", vip.manner->label},
                                {"protocol", vip.manner->protocol}};
        return result;
    }
    json operator()(const Link& link) const { return {{"device", link.device}, {"up", link.up}}; }
    json operator()(const Port& item) const {
        const netlink::FouPort& port = item.port;
        json result{{"family", netlink::name(port.family)},
                    {"port", port.port},
                    {"gue", port.type == FouType::gue},
                    {"protocol", port.protocol},
                    {"peer_port", port.peer_port},
                    {"remote_checksum_partial", port.remote_checksum_partial},
                    {"device", item.device}};
        if (port.local) result["local"] = port.local->to_string();
        if (port.peer) result["peer"] = port.peer->to_string();
        return result;
    }
    // Modules are never unloaded; tables and programs are known by their name or pin.
    json operator()(const Module&) const { throw std::logic_error("modules are not recorded"); }
    json operator()(const Ruleset&) const { throw std::logic_error("tables are not recorded"); }
    json operator()(const Decap&) const { throw std::logic_error("XDP programs are not recorded"); }
};

json to_json(const Item& item) {
    json result = std::visit(ToJson{}, item);
    result["kind"] = name(kind_of(item));
    return result;
}

/// `T::parse` of a string; throws if it is invalid.
template <typename T>
T parsed(const json& value) {
    const auto text = value.get<std::string>();
    auto result = T::parse(text);
    if (!result) throw std::invalid_argument(fmt::format("\"{}\" is invalid", text));
    return *std::move(result);
}

std::optional<IpAddress> address(const json& item, const char* key) {
    if (!item.contains(key)) return std::nullopt;
    return parsed<IpAddress>(item.at(key));
}

/// Our own VIPs have no "manner".
Vip to_vip(const json& item) {
    Vip vip{parsed<netlink::Prefix>(item.at("prefix"))};
    if (!item.contains("manner")) return vip;
    const json& manner = item.at("manner");
    vip.manner = Vip::Manner{.length = manner.at("length").get<std::uint8_t>(),
                             .scope = manner.at("scope").get<std::uint8_t>(),
                             .flags = manner.at("flags").get<std::uint32_t>(),
                             .label = manner.at("label").get<std::string>(),
                             .protocol = manner.at("protocol").get<std::uint8_t>()};
    if (vip.manner->length > vip.prefix.address.bits()) throw std::invalid_argument("a prefix is too long");
    return vip;
}

Item to_item(const json& item) {
    const auto kind = item.at("kind").get<std::string>();
    if (kind == name(Kind::device)) return device_from_json(item);
    if (kind == name(Kind::mode))
        return TunnelMode{item.at("device").get<std::string>(),
                          static_cast<netlink::TunnelInner>(item.at("inner").get<std::uint8_t>())};
    if (kind == name(Kind::sysctl))
        return Sysctl{parsed<netlink::SysctlKey>(item.at("key")), item.at("value").get<long>()};
    if (kind == name(Kind::vip)) return to_vip(item);
    if (kind == name(Kind::link)) return Link{item.at("device").get<std::string>(), item.at("up").get<bool>()};
    if (kind == name(Kind::port)) {
        netlink::FouPort port;
        port.family = item.at("family") == "ipv4" ? netlink::Family::ipv4 : netlink::Family::ipv6;
        port.port = item.at("port").get<std::uint16_t>();
        port.type = item.at("gue").get<bool>() ? FouType::gue : FouType::fou;
        port.protocol = item.at("protocol").get<std::uint8_t>();
        port.local = address(item, "local");
        port.peer = address(item, "peer");
        port.peer_port = item.at("peer_port").get<std::uint16_t>();
        port.remote_checksum_partial = item.at("remote_checksum_partial").get<bool>();
        return Port{port, item.at("device").get<std::string>()};
    }
    throw std::invalid_argument(fmt::format("\"{}\" is no kind of setting", kind));
}

Entry to_entry(const json& value) {
    Entry entry;
    if (value.contains("original") && !value.at("original").is_null()) entry.original = to_item(value.at("original"));
    // Earlier versions did not write how somebody's VIP had been added.
    if (auto* vip = entry.original ? std::get_if<Vip>(&*entry.original) : nullptr; vip != nullptr && !vip->manner)
        vip->manner = Vip::Manner{.length = vip->prefix.length,
                                  .scope = RT_SCOPE_HOST,
                                  .label = {},
                                  .protocol = vip->prefix.is_host() ? std::uint8_t{0} : std::uint8_t{RTPROT_STATIC}};
    for (const json& item : value.at("ours")) entry.ours.push_back(to_item(item));
    if (entry.ours.empty()) throw std::invalid_argument("an entry without a value");
    return entry;
}

}  // namespace

std::string encode(const Record& record, std::string_view boot) {
    json entries = json::array();
    for (const auto& [key, entry] : record) {
        json ours = json::array();
        for (const Item& item : entry.ours) ours.push_back(to_json(item));
        json& encoded = entries.emplace_back(json{{"ours", std::move(ours)}});
        if (entry.original) encoded["original"] = to_json(*entry.original);
    }
    const json whole{{"version", version}, {"boot", boot}, {"entries", std::move(entries)}};
    // Not indented, as there may be thousands of entries. A device's name may contain any bytes.
    return whole.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

tl::expected<std::optional<Record>, std::string> decode(std::string_view text, std::string_view boot) {
    try {
        const json whole = json::parse(text);
        if (const int found = whole.at("version").get<int>(); found != version)
            return tl::unexpected(
                fmt::format("version {} is unknown: this realserver writes version {}", found, version));
        if (whole.at("boot").get<std::string>() != boot) return std::nullopt;
        Record record;
        for (const json& value : whole.at("entries")) {
            Entry entry = to_entry(value);
            record.insert_or_assign(key(entry.ours.front()), std::move(entry));
        }
        return record;
    } catch (const std::exception& error) {
        return tl::unexpected(fmt::format("damaged: {}", error.what()));
    }
}

}  // namespace culvert::realserver
