// SPDX-License-Identifier: Apache-2.0
#include "lbd/drain/command.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "lbd/control/control.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds time_between_looks{500};

void declare_backend(CLI::App& app, Options& options) {
    app.add_option("backend", options.drain.backend, "The name or address of the backend")->required()->type_name("");
    app.add_option("--service", options.drain.service, "Only in this service (default: in all)")->type_name("NAME");
}

/// [{"service": …, "backend": …}, …]: the backends that were changed. Or the exit status, if an error was printed.
tl::expected<Json, ExitCode> request(const Options& options, const char* command) {
    auto answer = ask(socket_path(options),
                      {{"command", command}, {"backend", options.drain.backend}, {"service", options.drain.service}});
    if (!answer) return tl::unexpected(fail(answer.error()));
    if (answer->contains("unknown")) return tl::unexpected(complain(answer->at("unknown").get<std::string>()));
    return answer->at("backends");
}

/// What is left of backends that are drained.
struct Left {
    std::uint64_t live_flows = 0;
    /// Where flows are estimated: parts of the table in which flows may be that the estimate does not know.
    std::uint64_t slots = 0;
    bool operator==(const Left&) const = default;

    [[nodiscard]] std::string text() const {
        return slots == 0 ? fmt::format("{} live flows", live_flows)
                          : fmt::format("about {} live flows, {} slots in use", live_flows, slots);
    }
};

Result<Json> flows_by_service(const Options& options) {
    TRY(const Json flows, ask(socket_path(options), {{"command", "show"}, {"what", "flows"}}));
    return flows.at("services");
}

/// What stays the same when a service or a backend gets another name.
struct Place {
    Json vip;
    Json ports;
    Json address;  ///< of the backend
    bool operator==(const Place&) const = default;
};

Place place_of(const Json& service, const Json& backend) {
    return {.vip = service.at("vip"), .ports = service.at("ports"), .address = backend.at("address")};
}

/// Where the backends are, by their present names.
Result<std::vector<Place>> places_of(const Options& options, const Json& backends) {
    TRY(const Json services, flows_by_service(options));
    std::vector<Place> places;
    for (const Json& service : services)
        for (const Json& backend : service.at("backends"))
            for (const Json& drained : backends)
                if (drained.at("service") == service.at("name") && drained.at("backend") == backend.at("name"))
                    places.push_back(place_of(service, backend));
    return places;
}

Result<Left> left_at(const Options& options, const std::vector<Place>& places) {
    TRY(const Json services, flows_by_service(options));
    Left left;
    for (const Json& service : services)
        for (const Json& backend : service.at("backends")) {
            if (std::ranges::find(places, place_of(service, backend)) == places.end()) continue;
            left.live_flows += backend.at("live_flows").get<std::uint64_t>();
            if (backend.at("flows_estimated").get<bool>())
                left.slots += backend.at("former_slots").get<std::uint64_t>();
        }
    return left;
}

ExitCode wait_for_the_last(const Options& options, const Json& backends) {
    const auto places = places_of(options, backends);
    if (!places) return fail(places.error());
    const auto deadline = Clock::now() + std::chrono::duration<double>(options.wait.seconds);
    std::optional<Left> said;
    for (;;) {
        const auto left = left_at(options, *places);
        if (!left) return fail(left.error());
        if (*left == Left{}) return exit_done;
        if (options.wait.seconds > 0 && Clock::now() >= deadline) {
            fmt::print(stderr, "lbd: {} are left\n", left->text());
            return exit_failed;
        }
        if (said != *left) fmt::print(stderr, "{}\n", left->text());
        said = *left;
        std::this_thread::sleep_for(time_between_looks);
    }
}

}  // namespace

void declare_drain(CLI::App& app, Options& options) {
    declare_backend(app, options);
    declare_wait(app, options, "its last live flow has ended", "live flows are left");
}

ExitCode drain(const Options& options) {
    const auto backends = request(options, "drain");
    if (!backends) return backends.error();
    return options.wait.waits() ? wait_for_the_last(options, *backends) : exit_done;
}

void declare_undrain(CLI::App& app, Options& options) { declare_backend(app, options); }

ExitCode undrain(const Options& options) {
    const auto backends = request(options, "undrain");
    return backends ? exit_done : backends.error();
}

}  // namespace culvert::lbd
