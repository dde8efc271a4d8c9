// SPDX-License-Identifier: Apache-2.0
#include "lbd/render/command.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "lbd/control/control.hpp"
#include "lbd/model/cure.hpp"
#include "lbd/render/realserver.hpp"

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

}  // namespace

void declare_render(CLI::App& app, Options& options) {
    declare_config(app, options);
    app.add_option("what", options.render.what, "What to render: realserver, the realserver.yaml of a backend")
        ->type_name("")
        ->required();
    app.add_option("--backend", options.render.backends, "The backend's address; may be given several times")
        ->type_name("ADDRESS")
        ->required();
    app.add_option(
           "--balancer", options.render.balancers,
           "An address that balancers send from; may be given several times (default: those of the running balancer)")
        ->type_name("ADDRESS");
}

ExitCode render(const Options& options) {
    if (options.render.what != "realserver")
        return complain(fmt::format("cannot render \"{}\": write realserver", options.render.what));
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

}  // namespace culvert::lbd
