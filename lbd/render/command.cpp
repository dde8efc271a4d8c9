// SPDX-License-Identifier: Apache-2.0
#include "lbd/render/command.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "common/scalars.hpp"
#include "lbd/control/control.hpp"
#include "lbd/model/cure.hpp"
#include "lbd/render/realserver.hpp"
#include "lbd/render/routing.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

tl::expected<std::vector<IpAddress>, std::string> parse(const std::vector<std::string>& texts) {
    std::vector<IpAddress> addresses;
    for (const std::string& text : texts) {
        const auto address = IpAddress::parse(text);
        if (!address) return tl::unexpected(fmt::format("\"{}\" is not an address: write one such as 10.0.0.3", text));
        addresses.push_back(*address);
    }
    return addresses;
}

/// The addresses that the running balancer sends packets to these backends from.
Result<std::vector<IpAddress>> sources(const Options& options, const std::vector<IpAddress>& backends) {
    auto answer = ask(socket_path(options), {{"command", "show"}, {"what", "backends"}});
    if (!answer) {
        answer.error().cure = fmt::format("or give the address that it sends from: {}", cure_of("sender_unknown"));
        return tl::unexpected(answer.error());
    }
    std::vector<IpAddress> found;
    for (const auto& one : *answer) {
        const auto address = IpAddress::parse(one.at("address").get<std::string>());
        if (!address || std::ranges::count(backends, *address) == 0) continue;
        const auto source = IpAddress::parse(one.value("source", ""));
        if (!source)
            return netlink::failure("find the source address of packets to", address->to_string(), 0,
                                    one.value("reason_text", ""), std::string(cure_of("sender_unknown")));
        found.push_back(*source);
    }
    return found;
}

/// Says which options are missing; nothing is left as a placeholder.
std::optional<std::string> lacking(const Options& options, std::initializer_list<std::pair<bool, const char*>> needed) {
    std::vector<std::string_view> missing;
    for (const auto& [is_there, option] : needed)
        if (!is_there) missing.emplace_back(option);
    if (missing.empty()) return std::nullopt;
    return fmt::format("lbd render {} also needs {}", options.render.what, fmt::join(missing, " "));
}

tl::expected<Router, std::string> parse_router(const std::string& text) {
    const auto equals = text.find('=');
    const auto address = IpAddress::parse(text.substr(0, equals));
    const std::uint64_t as = common::yaml::decimal(text.substr(std::min(equals, text.size() - 1) + 1)).value_or(0);
    if (!address || as == 0 || as > UINT32_MAX)
        return tl::unexpected(
            fmt::format("\"{}\" is not a router: write its address and its AS, such as 10.0.0.1=65000", text));
    return Router{.address = *address, .as = static_cast<std::uint32_t>(as)};
}

tl::expected<Speaker, std::string> parse_speaker(const Options& options) {
    const RenderOptions& render = options.render;
    if (auto missing = lacking(options, {{render.as != 0, "--as NUMBER"},
                                         {!render.router_id.empty(), "--router-id ADDRESS"},
                                         {!render.peers.empty(), "--peer ADDRESS=AS"}}))
        return tl::unexpected(*std::move(missing));
    const auto id = IpAddress::parse(render.router_id);
    if (!id || !id->is_v4())
        return tl::unexpected(
            fmt::format("\"{}\" is not a router id: write an IPv4 address of this balancer", render.router_id));
    Speaker speaker{.id = *id, .as = render.as, .routers = {}};
    for (const std::string& text : render.peers) {
        auto router = parse_router(text);
        if (!router) return tl::unexpected(std::move(router.error()));
        speaker.routers.push_back(*router);
    }
    return speaker;
}

/// The command that tells whether this balancer is ready, as it is run now.
std::string ready_command(const Options& options) {
    std::string command = std::filesystem::read_symlink("/proc/self/exe").string() + " ready";
    if (!options.socket.empty()) command += " --socket " + options.socket;
    if (!options.netns.empty()) command += " --netns " + options.netns;
    return command;
}

ExitCode print(const tl::expected<std::string, std::string>& text) {
    if (!text) return complain(text.error());
    fmt::print("{}", *text);
    return exit_done;
}

ExitCode render_for_realserver(const Options& options) {
    if (auto missing = lacking(options, {{!options.render.backends.empty(), "--backend ADDRESS"}}))
        return complain(*missing);
    const auto backends = parse(options.render.backends);
    if (!backends) return complain(backends.error());
    const auto named = parse(options.render.balancers);
    if (!named) return complain(named.error());
    const auto config = load(options);
    if (!config) return exit_usage;
    const auto balancers = named->empty() ? sources(options, *backends) : *named;
    if (!balancers) return fail(balancers.error());
    const auto text = render_realserver(config->services, *backends, *balancers);
    if (!text) return complain(text.error());
    fmt::print("# What the services of {} send to {}.\n{}", options.config, fmt::join(options.render.backends, ", "),
               *text);
    return exit_done;
}

ExitCode render_for_routing(const Options& options,
                            tl::expected<std::string, std::string> (*render)(const Config&, const Speaker&)) {
    const auto speaker = parse_speaker(options);
    if (!speaker) return complain(speaker.error());
    const auto config = load(options);
    return config ? print(render(*config, *speaker)) : exit_usage;
}

ExitCode render_for_keepalived(const Options& options) {
    const RenderOptions& render = options.render;
    if (auto missing = lacking(options, {{!render.interface.empty(), "--interface NAME"},
                                         {render.group != 0, "--group NUMBER"},
                                         {render.priority != 0, "--priority NUMBER"}}))
        return complain(*missing);
    const auto config = load(options);
    if (!config) return exit_usage;
    return print(render_keepalived(*config, {.interface = render.interface,
                                             .group = static_cast<std::uint8_t>(render.group),
                                             .priority = static_cast<std::uint8_t>(render.priority),
                                             .ready = ready_command(options)}));
}

}  // namespace

void declare_render(CLI::App& app, Options& options) {
    declare_config(app, options);
    app.add_option("what", options.render.what,
                   "realserver: the realserver.yaml of a backend | bird, frr, keepalived: what announces the VIPs")
        ->type_name("")
        ->required();
    app.add_option("--backend", options.render.backends,
                   "realserver: the backend's address; may be given several times")
        ->type_name("ADDRESS");
    app.add_option("--balancer", options.render.balancers,
                   "realserver: an address that balancers send from; may be given several times (default: those of the "
                   "running balancer)")
        ->type_name("ADDRESS");
    app.add_option("--as", options.render.as, "bird, frr: the AS of this balancer")
        ->type_name("NUMBER")
        ->check(CLI::Range(1U, UINT32_MAX));
    app.add_option("--router-id", options.render.router_id, "bird, frr: an IPv4 address of this balancer")
        ->type_name("ADDRESS");
    app.add_option("--peer", options.render.peers,
                   "bird, frr: a router and its AS, such as 10.0.0.1=65000; may be given several times")
        ->type_name("ADDRESS=AS");
    app.add_option("--interface", options.render.interface, "keepalived: where the VIPs are")->type_name("NAME");
    app.add_option("--group", options.render.group,
                   "keepalived: the virtual router id, the same on both balancers and on no others there")
        ->type_name("NUMBER")
        ->check(CLI::Range(1U, 255U));
    app.add_option("--priority", options.render.priority,
                   "keepalived: the ready balancer with the higher one has the VIPs")
        ->type_name("NUMBER")
        ->check(CLI::Range(1U, 254U));
}

ExitCode render(const Options& options) {
    const std::string& what = options.render.what;
    if (what == "realserver") return render_for_realserver(options);
    if (what == "bird") return render_for_routing(options, render_bird);
    if (what == "frr") return render_for_routing(options, render_frr);
    if (what == "keepalived") return render_for_keepalived(options);
    return complain(fmt::format("cannot render \"{}\": write realserver, bird, frr or keepalived", what));
}

}  // namespace culvert::lbd
