// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/terminal.hpp"
#include "lbd/explain/explain.hpp"
#include "lbd/show/words.hpp"

namespace culvert::lbd {
namespace {

using common::Color;
using Json = nlohmann::ordered_json;

/// "0a 00 00 03 …", 16 bytes a line. The first line begins with the name of the part; a long part is cut off.
std::string dump(const Json& part) {
    constexpr std::size_t line = 32, most = 8 * line;  // digits
    const std::string hex = text(part, "hex");
    std::string result;
    for (std::size_t at = 0; at < hex.size(); at += line) {
        result += fmt::format("    {:<10}", at == 0 ? text(part, "name") : "");
        for (std::size_t i = at; i < std::min(at + line, hex.size()); i += 2) result += ' ' + hex.substr(i, 2);
        result += '\n';
        if (at + line >= most && hex.size() > most)
            return result + fmt::format("    {:<10} and {} bytes more\n", "", (hex.size() - most) / 2);
    }
    return result;
}

std::string packet_text(const Json& packet) {
    std::string result = fmt::format("{}, {} bytes", text(packet, "text"), text(packet, "bytes"));
    if (packet.contains("captured")) result += fmt::format(", {} of them captured", text(packet, "captured"));
    if (packet.contains("interface")) result += ", by " + text(packet, "interface");
    return result;
}

std::string flow(const Json& flow) {
    const std::string where = fmt::format("bucket {}", text(flow, "bucket"));
    if (flow.contains("gone"))
        return fmt::format("in the flow table, for a backend that is gone, down or not needed ({})", where);
    if (flow.contains("former"))
        return fmt::format(
            "not in the flow table ({}); it stays with the backend that its entry of the Maglev table had", where);
    return fmt::format("{}in the flow table ({})", flow.at("known").get<bool>() ? "" : "not ", where);
}

std::string backend(const Json& backend) {
    const std::string name = text(backend, "name"), address = text(backend, "address");
    std::string result = name == address ? name : name + " " + address;
    result += ": " + encap_text(backend.at("encap"));
    if (backend.contains("longest")) result += fmt::format(", takes packets of {} bytes", text(backend, "longest"));
    return result;
}

std::string conclusion(const Json& json) {
    const std::string verdict = text(json, "verdict");
    if (verdict == "passed") return "to the kernel: " + text(json, "passed_text");
    if (verdict == "dropped" && json.contains("reason"))
        return fmt::format("{}: {}", text(json, "reason"), text(json, "reason_text"));
    if (verdict == "unknown") return text(json, "unknown_text");
    if (!json.contains("out")) return verdict == "answered" ? text(json, "reason_text") : "";
    const std::string by = fmt::format("by {}, {} bytes", text(json["out"], "interface"), text(json["out"], "bytes"));
    if (verdict != "answered") return by;
    return fmt::format("{}: {}", by, json.contains("reason") ? text(json, "reason_text") : text(json, "event_text"));
}

}  // namespace

std::string to_story(const Json& json, bool colored) {
    std::string result;
    const auto step = [&](const std::string& name, const std::string& words, Color color = Color::bold) {
        result += common::paint(fmt::format("{:<9}", name), color, colored) + ' ' + words + '\n';
    };
    step("packet", packet_text(json.at("packet")));
    if (json.contains("service"))
        step("service", fmt::format("{}: VIP {}", text(json["service"], "name"), text(json["service"], "vip")));
    if (json.contains("flow")) step("flow", flow(json["flow"]));
    if (json.contains("table"))
        step("table", fmt::format("entry {} of {}", text(json["table"], "entry"), text(json["table"], "entries")));
    if (json.contains("backend")) step("backend", backend(json["backend"]));
    const std::string verdict = text(json, "verdict");
    step(verdict, conclusion(json),
         verdict == "dropped" ? Color::red
         : verdict == "sent"  ? Color::green
                              : Color::yellow);
    if (json.contains("out"))
        for (const Json& part : json["out"].at("parts")) result += dump(part);
    return result;
}

}  // namespace culvert::lbd
