// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "common/event_loop.hpp"
#include "common/fd.hpp"
#include "netlink/result.hpp"

/// How the commands talk to the running balancer: a stream socket, one line of JSON there, one line of JSON back.
///     {"command": "show", "what": "services"}  →  {"ok": …}  or  {"error": "what is wrong"}
namespace culvert::lbd {

using common::Fd;

using common::EventLoop;

/// The balancer's end. It never waits for a client: who sends more than 64 KiB, or isn't done within 2 s, is hung up
/// on; so is who takes longer than 10 s to read the answer.
class Control {
  public:
    /// From a request to what is "ok", or to what is wrong.
    using Answer = tl::expected<nlohmann::ordered_json, std::string>;
    using Handler = std::function<Answer(const nlohmann::ordered_json& request)>;

    /// Makes the socket, for its owner only (mode 0600), and its directory. EADDRINUSE if someone listens there
    /// already; a socket that nobody listens on is replaced.
    [[nodiscard]] static netlink::Result<std::unique_ptr<Control>> listen(EventLoop& loop, const std::string& path,
                                                                          Handler handler);
    /// Removes the socket.
    ~Control();
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

  private:
    struct Client {
        Fd socket;
        std::string request;
        std::string answer;  // what is left to send
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
    EventLoop::Source io_;
};

/// The commands' end: asks the balancer that listens at `path`. The error's text is the balancer's, or says that none
/// runs.
[[nodiscard]] netlink::Result<nlohmann::ordered_json> ask(const std::string& path,
                                                          const nlohmann::ordered_json& request);

/// The same for what has no answer: returns when the balancer has closed the connection.
[[nodiscard]] netlink::Result<> tell(const std::string& path, const nlohmann::ordered_json& request);

}  // namespace culvert::lbd
