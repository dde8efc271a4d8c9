// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "lbd/daemon.hpp"
#include "lbd/datapath/rehearsal.hpp"
#include "lbd/explain/explain.hpp"

namespace culvert::lbd {

/// An explanation of each frame.
Answer Daemon::answer(const ExplainRequest& request) {
    const auto& attachments = attachments_.list();
    if (attachments.empty()) return tl::unexpected(std::string("it does not balance yet"));
    Scene scene{.config = config_, .image = image_, .interfaces = {}};
    for (const Attachment& one : attachments) scene.interfaces[one.ifindex] = one.name;
    const std::string& name = request.interface;
    const auto by = name.empty() ? attachments.begin() : std::ranges::find(attachments, name, &Attachment::name);
    if (by == attachments.end()) return tl::unexpected(fmt::format("{} is not balanced on", name));

    auto rehearsal = datapath_.rehearse();
    if (!rehearsal) return tl::unexpected(rehearsal.error().message());
    Json answers = Json::array();
    for (const auto& frame : request.frames) {
        const auto fate = rehearsal->run(frame, by->ifindex);
        if (!fate) return tl::unexpected(fate.error().message());
        answers.push_back(explain(frame, by->ifindex, *fate, scene));
    }
    return answers;
}

}  // namespace culvert::lbd
