// SPDX-License-Identifier: Apache-2.0
#include "lbd/metrics/server.hpp"

#include <microhttpd.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/fd.hpp"

namespace culvert::lbd {
namespace {

using common::Fd;
using netlink::failure;
using netlink::Result;

constexpr unsigned most_connections = 64;
constexpr int most_waiting = 1024;                    // before they are accepted
constexpr unsigned longest_silence = 10;              // seconds
constexpr std::chrono::seconds longest_question{10};  // for a complete request, however slowly it arrives
constexpr std::size_t memory_for_client = 64 << 10;   // bytes for a request; later half of it for pieces of the answer
constexpr std::size_t most_bodies = 4;                // each holds a copy of the status
constexpr std::chrono::minutes longest_reading{1};

/// While this exists, another socket of this user may listen on the same port.
class Shared {
  public:
    explicit Shared(int socket) : socket_(socket) { set(1); }
    ~Shared() { set(0); }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;

  private:
    void set(int on) const { ::setsockopt(socket_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on); }

    int socket_;
};

/// `former` is the present server's socket, if any, whose address may overlap.
Result<Fd> listen_at(const Endpoint& endpoint, int former) {
    const auto [address, length] = endpoint.to_sockaddr();
    Fd socket(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.is_open()) return failure("open socket", "of metrics", errno);
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const Shared before(former);
    const Shared now(former < 0 ? former : socket.get());
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) < 0 ||
        ::listen(socket.get(), most_waiting) < 0)
        return failure("listen on", endpoint.to_string(), errno);
    return socket;
}

MHD_Result queue(MHD_Connection* connection, unsigned status, MHD_Response* response, const char* type) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    const MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

MHD_Result reply(MHD_Connection* connection, unsigned status, std::string_view text) {
    // The library copies the text and does not change it.
    MHD_Response* response = MHD_create_response_from_buffer(text.size(), const_cast<char*>(text.data()),  // NOLINT
                                                             MHD_RESPMEM_MUST_COPY);
    return queue(connection, status, response, "text/plain");
}

/// No query means backends, by=service means services. Nothing for another query.
std::optional<Detail> detail_of(MHD_Connection* connection) {
    std::optional<Detail> detail = Detail::backends;
    const auto take = [](void* result, MHD_ValueKind, const char* key, const char* value) {
        const bool is_known = std::string_view(key) == "by" && value != nullptr && std::string_view(value) == "service";
        *static_cast<std::optional<Detail>*>(result) = is_known ? std::optional(Detail::services) : std::nullopt;
        return is_known ? MHD_YES : MHD_NO;
    };
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take, &detail);
    return detail;
}

}  // namespace

/// The rest of an answer.
class MetricsServer::Body {
  public:
    Body(std::size_t& bodies, Exposition text) : bodies_(bodies), text_(std::move(text)) { ++bodies_; }
    ~Body() { --bodies_; }
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;

    static ssize_t read(void* body, std::uint64_t, char* to, std::size_t most) {
        return static_cast<Body*>(body)->read(to, most);
    }
    static void free(void* body) { delete static_cast<Body*>(body); }  // NOLINT(cppcoreguidelines-owning-memory)

  private:
    ssize_t read(char* to, std::size_t most) {
        if (Clock::now() > deadline_) return MHD_CONTENT_READER_END_WITH_ERROR;
        if (read_ == piece_.size()) {
            piece_ = text_.next();
            read_ = 0;
        }
        if (piece_.empty()) return MHD_CONTENT_READER_END_OF_STREAM;
        const std::size_t length = piece_.copy(to, most, read_);
        read_ += length;
        return static_cast<ssize_t>(length);
    }

    using Clock = std::chrono::steady_clock;

    std::size_t& bodies_;
    Exposition text_;
    std::string piece_;
    std::size_t read_ = 0;  // bytes of the piece
    const Clock::time_point deadline_ = Clock::now() + longest_reading;
};

struct MetricsServer::Answers {
    static MHD_Result answer(void* context, MHD_Connection* connection, const char* url, const char* method,
                             const char*, const char*, std::size_t*, void**) {
        auto& server = *static_cast<MetricsServer*>(context);
        const std::string_view verb = method;
        if (verb != MHD_HTTP_METHOD_GET && verb != MHD_HTTP_METHOD_HEAD)
            return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD\n");
        if (std::string_view(url) != "/metrics")
            return reply(connection, MHD_HTTP_NOT_FOUND, "metrics are at /metrics\n");
        const auto detail = detail_of(connection);
        if (!detail)
            return reply(connection, MHD_HTTP_BAD_REQUEST, "/metrics, or /metrics?by=service for sums by service\n");
        // Closes the connection that has been reading longest. The library notices when it looks at it next.
        if (server.bodies_ >= most_bodies) hang_up(server.connections_.close_slowest_to_read());
        if (server.bodies_ >= 2 * most_bodies)
            return reply(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "too many others are reading metrics\n");
        server.connections_.reads(connection, Connections<MHD_Connection*>::Clock::now());
        auto text = server.text_(*detail);
        if (!text) return reply(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, text.error().message() + '\n');
        return send(connection, std::make_unique<Body>(server.bodies_, *std::move(text)));
    }

    static MHD_Result send(MHD_Connection* connection, std::unique_ptr<Body> body) {
        MHD_Response* response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, memory_for_client / 2, Body::read,
                                                                   body.release(), Body::free);
        return queue(connection, MHD_HTTP_OK, response, "text/plain; version=0.0.4; charset=utf-8");
    }

    /// The library closes the connection when it finds the socket shut down.
    static void hang_up(std::optional<int> socket) {
        if (socket) ::shutdown(*socket, SHUT_RDWR);
    }

    static void note(void* context, MHD_Connection* connection, void**, MHD_ConnectionNotificationCode what) {
        auto& connections = static_cast<MetricsServer*>(context)->connections_;
        if (what == MHD_CONNECTION_NOTIFY_CLOSED) return connections.remove(connection);
        const int socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        if (connections.staying() >= most_connections) {
            const auto slowest = connections.close_slowest_to_ask();
            hang_up(slowest ? slowest : connections.close_slowest_to_read());
        }
        connections.add(connection, socket, Connections<MHD_Connection*>::Clock::now());
    }

    static void completed(void* context, MHD_Connection* connection, void**, MHD_RequestTerminationCode) {
        static_cast<MetricsServer*>(context)->connections_.asks(connection, Connections<MHD_Connection*>::Clock::now());
    }

    static void log(void*, const char* format, va_list arguments) {
        std::array<char, 256> line{};
        std::vsnprintf(line.data(), line.size(), format, arguments);
        spdlog::debug(std::string("metrics: ") + line.data());
    }
};

void MetricsServer::Stop::operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }

Result<std::unique_ptr<MetricsServer>> MetricsServer::listen(EventLoop& loop, const Endpoint& at, Text text,
                                                             const MetricsServer* former) {
    TRY(Fd socket, listen_at(at, former == nullptr ? -1 : former->socket_));
    std::unique_ptr<MetricsServer> server(new MetricsServer(std::move(text)));
    server->socket_ = socket.get();
    server->daemon_.reset(MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, nullptr, nullptr, Answers::answer, server.get(),
        MHD_OPTION_EXTERNAL_LOGGER, Answers::log, nullptr, MHD_OPTION_NOTIFY_CONNECTION, Answers::note, server.get(),
        MHD_OPTION_NOTIFY_COMPLETED, Answers::completed, server.get(), MHD_OPTION_LISTEN_SOCKET, socket.release(),
        MHD_OPTION_CONNECTION_LIMIT, 2 * most_connections, MHD_OPTION_CONNECTION_TIMEOUT, longest_silence,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory_for_client, MHD_OPTION_END));
    if (!server->daemon_) return failure("serve metrics at", at.to_string(), errno);
    const int events = MHD_get_daemon_info(server->daemon_.get(), MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    TRY(server->io_, loop.on_io(events, EPOLLIN, [&self = *server](std::uint32_t) { self.serve(); }));
    TRY(server->idle_, loop.timer([&self = *server] { self.serve(); }));
    return server;
}

void MetricsServer::serve() {
    // At its limit of connections the library stops to listen, and listens again only when it is run after one has
    // ended.
    for (std::size_t before = SIZE_MAX; connections_.size() < before;) {
        before = connections_.size();
        MHD_run(daemon_.get());
    }
    for (const int socket : connections_.close_slow(Connections<MHD_Connection*>::Clock::now(), longest_question))
        Answers::hang_up(socket);
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    if (MHD_get_timeout(daemon_.get(), &timeout) == MHD_YES) idle_.arm(std::chrono::milliseconds(timeout));
}

}  // namespace culvert::lbd
