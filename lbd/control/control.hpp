// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "common/event_loop.hpp"
#include "common/fd.hpp"
#include "lbd/control/control_protocol.hpp"
#include "netlink/result.hpp"

/// How commands reach the running balancer: a stream socket, with the protocol of control_protocol.hpp.
namespace culvert::lbd {

using common::Fd;

using common::EventLoop;

/// The balancer's end. It never waits for a client. It closes the connection of a client that sends more than 64 KiB,
/// needs more than 2 s for its request, or more than a minute to read the answer. The answer is made piece by piece.
class Control {
  public:
    /// Creates the socket, for its owner only (mode 0600), and its directory. EADDRINUSE if somebody listens there; a
    /// socket without a listener is replaced.
    [[nodiscard]] static netlink::Result<std::unique_ptr<Control>> listen(EventLoop& loop, const std::string& path,
                                                                          Handler handler);
    /// Removes the socket.
    ~Control();
    /// Call before the end: tells waiting clients what went wrong.
    void give_up(const std::string& why);
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

  private:
    struct Client {
        std::uint64_t number = 0;  // in the order of arrival
        Fd socket;
        RequestLine request;
        Pieces answer;      // the pieces that are left
        std::string piece;  // the rest of the present piece
        EventLoop::Source io;
        EventLoop::Source deadline;
    };

    Control(EventLoop& loop, std::string path, Fd socket, Handler handler);

    void accept();
    void serve(int client);
    /// False if the connection is to be closed.
    [[nodiscard]] bool receive(Client& client);
    [[nodiscard]] bool send(Client& client);
    /// The answer is known.
    [[nodiscard]] bool begin_to_send(Client& client, Pieces answer);

    EventLoop& loop_;
    std::string path_;
    Fd socket_;
    Handler handler_;
    std::map<int, Client> clients_;  // indexed by descriptor
    std::uint64_t next_ = 0;
    EventLoop::Source io_;
};

/// Whether an lbd listens there. ENAMETOOLONG if none can.
[[nodiscard]] netlink::Result<bool> is_listened_at(const std::string& path);

/// The commands' end: sends a request to the balancer that listens at `path`. The error is the balancer's answer, or
/// says that no balancer runs.
[[nodiscard]] netlink::Result<nlohmann::ordered_json> ask(const std::string& path,
                                                          const nlohmann::ordered_json& request);

/// Likewise, for a request that is answered only if it fails. Returns when the balancer closes the connection.
[[nodiscard]] netlink::Result<> tell(const std::string& path, const nlohmann::ordered_json& request);

}  // namespace culvert::lbd
