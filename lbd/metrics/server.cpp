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
#include <cstdio>
#include <string_view>
#include <utility>

#include "common/fd.hpp"

namespace culvert::lbd {
namespace {

using common::Fd;
using netlink::failure;
using netlink::Result;

constexpr unsigned most_connections = 16;
constexpr unsigned longest_silence = 10;             // seconds
constexpr std::size_t memory_for_client = 16 << 10;  // bytes, all of a request

Result<Fd> listen_at(const Endpoint& endpoint) {
    const auto [address, length] = endpoint.to_sockaddr();
    Fd socket(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.is_open()) return failure("open socket", "of metrics", errno);
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) < 0 ||
        ::listen(socket.get(), most_connections) < 0)
        return failure("listen on", endpoint.to_string(), errno);
    return socket;
}

MHD_Result reply(MHD_Connection* connection, unsigned status, std::string_view text, const char* type = "text/plain") {
    // The library copies the text, and writes none of it.
    MHD_Response* response = MHD_create_response_from_buffer(text.size(), const_cast<char*>(text.data()),  // NOLINT
                                                             MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    const MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

}  // namespace

struct MetricsServer::Answers {
    static MHD_Result answer(void* server, MHD_Connection* connection, const char* url, const char* method, const char*,
                             const char*, std::size_t*, void**) {
        const std::string_view verb = method;
        if (verb != MHD_HTTP_METHOD_GET && verb != MHD_HTTP_METHOD_HEAD)
            return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD\n");
        if (std::string_view(url) != "/metrics")
            return reply(connection, MHD_HTTP_NOT_FOUND, "metrics are at /metrics\n");
        const auto text = static_cast<MetricsServer*>(server)->text_();
        if (!text) return reply(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, text.error().message() + '\n');
        return reply(connection, MHD_HTTP_OK, *text, "text/plain; version=0.0.4; charset=utf-8");
    }

    static void log(void*, const char* format, va_list arguments) {
        std::array<char, 256> line{};
        std::vsnprintf(line.data(), line.size(), format, arguments);
        spdlog::debug("metrics: {}", line.data());
    }
};

void MetricsServer::Stop::operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }

Result<std::unique_ptr<MetricsServer>> MetricsServer::listen(EventLoop& loop, const Endpoint& at, Text text) {
    TRY(Fd socket, listen_at(at));
    std::unique_ptr<MetricsServer> server(new MetricsServer(std::move(text)));
    server->daemon_.reset(MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, nullptr, nullptr, Answers::answer,
                                           server.get(), MHD_OPTION_EXTERNAL_LOGGER, Answers::log, nullptr,
                                           MHD_OPTION_LISTEN_SOCKET, socket.release(), MHD_OPTION_CONNECTION_LIMIT,
                                           most_connections, MHD_OPTION_CONNECTION_TIMEOUT, longest_silence,
                                           MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory_for_client, MHD_OPTION_END));
    if (!server->daemon_) return failure("serve metrics at", at.to_string(), errno);
    const int events = MHD_get_daemon_info(server->daemon_.get(), MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    TRY(server->io_, loop.on_io(events, EPOLLIN, [&self = *server](std::uint32_t) { self.serve(); }));
    TRY(server->idle_, loop.timer([&self = *server] { self.serve(); }));
    return server;
}

void MetricsServer::serve() {
    MHD_run(daemon_.get());
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    if (MHD_get_timeout(daemon_.get(), &timeout) == MHD_YES) idle_.arm(std::chrono::milliseconds(timeout));
}

}  // namespace culvert::lbd
