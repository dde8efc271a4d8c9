// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>
#include <tl/expected.hpp>

#include "lbd/model/view.hpp"

/// Requests of commands to the running balancer, as plain values.
namespace culvert::lbd {

struct ShowRequest {
    View view = View::services;
};
struct ReloadRequest {};
struct PlanRequest {
    std::string config;  ///< path of another file; empty: the daemon's own
};
struct DrainRequest {
    std::string backend;
    std::string service;  ///< empty: all services
};
struct UndrainRequest : DrainRequest {};
struct ExplainRequest {
    static constexpr std::size_t most_frames = 500;

    struct Frame {
        std::vector<std::uint8_t> front;  ///< the known bytes from the beginning of the frame
        std::size_t length = 0;           ///< length of the whole frame, bytes
    };
    std::vector<Frame> frames;
    std::string interface;  ///< on which they arrive; empty: the first one
};
struct LeaveRequest {};
struct JoinRequest {};
struct StopRequest {
    bool detach = false;
};
using Request = std::variant<ShowRequest, ReloadRequest, PlanRequest, DrainRequest, UndrainRequest, ExplainRequest,
                             LeaveRequest, JoinRequest, StopRequest>;

///     {"command": "show", "what": "services"}
///     {"command": "reload"}
///     {"command": "plan", "config": "path of a file"}
///     {"command": "drain" | "undrain", "backend": "name or address", "service": "name"}
///     {"command": "explain", "frames": [{"hex": "its first bytes", "bytes": whole length}, …], "interface": "name"}
///     {"command": "leave" | "join"}
///     {"command": "stop", "detach": true}
/// Returns the request, or what is wrong with it.
[[nodiscard]] tl::expected<Request, std::string> parse_request(const nlohmann::ordered_json& request);

}  // namespace culvert::lbd
