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

/// How the commands talk to the running balancer: a stream socket, and what control_protocol.hpp says on it.
namespace culvert::lbd {

using common::Fd;

using common::EventLoop;

/// The balancer's end. It never waits for a client: who sends more than 64 KiB, or isn't done within 2 s, is hung up
/// on; so is who takes longer than a minute to read the answer, which is made meanwhile.
class Control {
  public:
    /// Makes the socket, for its owner only (mode 0600), and its directory. EADDRINUSE if someone listens there
    /// already; a socket that nobody listens on is replaced.
    [[nodiscard]] static netlink::Result<std::unique_ptr<Control>> listen(EventLoop& loop, const std::string& path,
                                                                          Handler handler);
    /// Removes the socket.
    ~Control();
    /// Tells those who still wait, before the end, what has gone wrong.
    void give_up(const std::string& why);
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

  private:
    struct Client {
        std::uint64_t number = 0;  // in the order in which they came
        Fd socket;
        RequestLine request;
        Pieces answer;      // what is left of it
        std::string piece;  // what is left of this one
        EventLoop::Source io;
        EventLoop::Source deadline;
    };

    Control(EventLoop& loop, std::string path, Fd socket, Handler handler);

    void accept();
    void serve(int client);
    /// False if the client is done with, one way or the other.
    [[nodiscard]] bool receive(Client& client);
    [[nodiscard]] bool send(Client& client);

    EventLoop& loop_;
    std::string path_;
    Fd socket_;
    Handler handler_;
    std::map<int, Client> clients_;  // by descriptor
    std::uint64_t next_ = 0;
    EventLoop::Source io_;
};

/// The commands' end: asks the balancer that listens at `path`. The error's text is the balancer's, or says that none
/// runs.
[[nodiscard]] netlink::Result<nlohmann::ordered_json> ask(const std::string& path,
                                                          const nlohmann::ordered_json& request);

/// The same for what has no answer unless it fails: returns when the balancer has closed the connection.
[[nodiscard]] netlink::Result<> tell(const std::string& path, const nlohmann::ordered_json& request);

}  // namespace culvert::lbd
