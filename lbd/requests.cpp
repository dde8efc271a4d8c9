// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "lbd/daemon.hpp"
#include "lbd/show/show.hpp"

/// What the running balancer answers to commands.
namespace culvert::lbd {
namespace {

/// The value of a key, if it is a string; else nothing.
std::string word(const nlohmann::ordered_json& request, const char* key) {
    const auto value = request.find(key);
    return value != request.end() && value->is_string() ? value->get<std::string>() : std::string();
}

}  // namespace

Control::Answer Daemon::answer(const Json& request) {
    struct Entry {
        std::string_view command;
        Control::Answer (Daemon::*handler)(const Json&);
    };
    static constexpr std::array handlers{
        Entry{"show", &Daemon::show},
    };
    const std::string command = word(request, "command");
    for (const Entry& entry : handlers)
        if (entry.command == command) return (this->*entry.handler)(request);
    return tl::unexpected("unknown command \"" + command + '"');
}

Control::Answer Daemon::show(const Json& request) {
    const auto wanted = view(word(request, "what"));
    if (!wanted) return tl::unexpected("nothing to show called \"" + word(request, "what") + '"');
    const auto status = observe(config_, image_, hops_, attachments_, resolver_, datapath_);
    if (!status) return tl::unexpected(status.error().message());
    return to_json(*wanted, *status);
}

}  // namespace culvert::lbd
