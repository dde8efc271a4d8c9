// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "lbd/daemon.hpp"
#include "lbd/datapath/rehearsal.hpp"
#include "lbd/explain/explain.hpp"

namespace culvert::lbd {

/// {"frames": ["hexadecimal digits", …], "interface": "by which they come"}, and an explanation of each.
Control::Answer Daemon::explain(const Json& request) {
    constexpr std::size_t most_frames = 500;  // of 14 bytes, what a request has room for is twice that
    const auto frames = request.find("frames");
    if (frames == request.end() || !frames->is_array() || frames->size() > most_frames)
        return tl::unexpected(fmt::format("\"frames\" is no list of up to {}", most_frames));
    if (attachments_.empty()) return tl::unexpected(std::string("it does not balance yet"));
    Scene scene{.config = config_, .image = image_, .interfaces = {}};
    for (const Attachment& one : attachments_) scene.interfaces[one.ifindex] = one.name;
    const auto said = request.find("interface");
    const std::string name = said != request.end() && said->is_string() ? said->get<std::string>() : "";
    const auto by = name.empty() ? attachments_.begin() : std::ranges::find(attachments_, name, &Attachment::name);
    if (by == attachments_.end()) return tl::unexpected(fmt::format("{} is not balanced on", name));

    auto rehearsal = datapath_.rehearse();
    if (!rehearsal) return tl::unexpected(rehearsal.error().message());
    Json answers = Json::array();
    for (const Json& digits : *frames) {
        const auto frame = digits.is_string() ? from_hex(digits.get<std::string>()) : std::nullopt;
        if (!frame) return tl::unexpected(std::string("a frame is not in hexadecimal digits"));
        const auto fate = rehearsal->run(*frame, by->ifindex);
        if (!fate) return tl::unexpected(fate.error().message());
        answers.push_back(lbd::explain(*frame, by->ifindex, *fate, scene));
    }
    return answers;
}

}  // namespace culvert::lbd
