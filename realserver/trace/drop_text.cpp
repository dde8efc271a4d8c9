// SPDX-License-Identifier: Apache-2.0
#include "realserver/trace/drop_text.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <utility>

#include <nlohmann/json.hpp>

#include "common/protocol.hpp"
#include "common/terminal.hpp"

namespace culvert::realserver {

namespace {

using common::Color;
using common::paint;
using nlohmann::ordered_json;

std::string endpoint(const IpAddress& address, const std::optional<std::uint16_t>& port) {
    if (!port) return address.to_string();
    const std::string text = address.to_string();
    return address.is_v4() ? fmt::format("{}:{}", text, *port) : fmt::format("[{}]:{}", text, *port);
}

std::string endpoints(const Flow& flow) {
    return fmt::format("{} > {}", endpoint(flow.source, flow.source_port),
                       endpoint(flow.destination, flow.destination_port));
}

ordered_json to_json(const Flow& flow) {
    ordered_json json{{"source", flow.source.to_string()},
                      {"destination", flow.destination.to_string()},
                      {"protocol", common::protocol_name(flow.protocol)}};
    if (flow.source_port) json["source_port"] = *flow.source_port;
    if (flow.destination_port) json["destination_port"] = *flow.destination_port;
    return json;
}

}  // namespace

std::string to_text(const Drop& drop, const Explanation& explanation, std::string_view time, bool colored) {
    const Packet& packet = drop.packet;
    std::string tunnel;
    if (!packet.encap.empty()) tunnel += " in " + packet.encap;
    if (packet.outer)
        tunnel += fmt::format(" {} > {}", packet.outer->source.to_string(), packet.outer->destination.to_string());
    std::string why = paint(drop.reason, Color::red, colored);
    if (!drop.function.empty()) why += " in " + drop.function;
    if (!explanation.cause.empty()) why += ": " + explanation.cause;
    why += "\n    cure: " +
           (explanation.cure.empty() ? "none on this host" : paint(explanation.cure, Color::green, colored));
    return fmt::format("{} {} {} {}{}, {} bytes\n    {}\n", time, paint(drop.device, Color::bold, colored),
                       endpoints(packet.flow), common::protocol_name(packet.flow.protocol), tunnel, drop.length, why);
}

ordered_json to_json(const Drop& drop, const Explanation& explanation, std::string_view time) {
    const Packet& packet = drop.packet;
    ordered_json json{
        {"time", time}, {"device", drop.device}, {"bytes", drop.length}, {"packet", to_json(packet.flow)}};
    if (!packet.encap.empty()) json["encap"] = packet.encap;
    if (packet.outer) json["outer"] = to_json(*packet.outer);
    json["unwrapped"] = packet.unwrapped;
    json["reason"] = drop.reason;
    json["function"] = drop.function;
    json["cause"] = explanation.cause;
    json["cure"] = explanation.cure;
    return json;
}

}  // namespace culvert::realserver
