// SPDX-License-Identifier: Apache-2.0
#include "lbd/control/control.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "lbd/model/cure.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;
using Json = nlohmann::ordered_json;

constexpr std::chrono::seconds time_for_client{2};
constexpr std::chrono::seconds time_for_answer{60};  // to make and send it
constexpr std::size_t most_clients = 16;
/// A command's timeout. The balancer may be busy with a large configuration. If it hangs, its watchdog ends it after
/// half a minute.
constexpr timeval patience{.tv_sec = 60, .tv_usec = 0};

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return failure("use socket", path, ENAMETOOLONG);
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* generic(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

Result<Fd> connect_to(const std::string& path) {
    TRY(const sockaddr_un address, address_of(path));
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.is_open()) return failure("open socket", path, errno);
    if (::connect(socket.get(), generic(address), sizeof address) < 0) return failure("connect to lbd", path, errno);
    return socket;
}

/// Removes a socket that a killed balancer left behind.
Result<> make_way(const std::string& path) {
    if (connect_to(path))
        return failure("listen on", path, EADDRINUSE, "another lbd is running", "choose another --socket");
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) ::unlink(path.c_str());
    return {};
}

/// Tells a person at a terminal why nothing happens, after a second.
void wait_for_answer(int socket) {
    if (::isatty(STDERR_FILENO) != 1) return;
    pollfd answer{.fd = socket, .events = POLLIN, .revents = 0};
    if (::poll(&answer, 1, 1000) == 0) fmt::print(stderr, "lbd is busy: waiting for its answer\n");
}

/// Returns all bytes until the balancer closes the connection.
Result<std::string> exchange(const std::string& path, const Json& request) {
    auto socket = connect_to(path);
    if (!socket) {
        if (socket.error().code == ENOENT || socket.error().code == ECONNREFUSED)
            socket.error().cure = cure_of("not_running");
        return tl::unexpected(socket.error());
    }
    ::setsockopt(socket->get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const std::string line = request.dump() + '\n';
    if (::send(socket->get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
        return failure("ask lbd", path, errno);

    wait_for_answer(socket->get());
    std::string reply;
    std::array<char, 1U << 16> buffer;
    ssize_t length = 0;
    while ((length = ::recv(socket->get(), buffer.data(), buffer.size(), 0)) > 0)
        reply.append(buffer.data(), static_cast<std::size_t>(length));
    if (length < 0) return failure("wait for lbd's answer", path, errno == EAGAIN ? ETIMEDOUT : errno);
    return reply;
}

Result<Json> read(const std::string& reply, const std::string& path) {
    Json answer = Json::parse(reply, nullptr, false);
    if (answer.is_object() && answer.contains("ok")) return std::move(answer["ok"]);
    if (answer.is_object() && answer.contains("error"))
        return failure("ask lbd", {}, 0, answer["error"].get<std::string>());
    return failure("ask lbd", path, EBADMSG);
}

}  // namespace

Result<bool> is_listened_at(const std::string& path) {
    CHECK_OK(address_of(path));
    return connect_to(path).has_value();
}

Result<std::unique_ptr<Control>> Control::listen(EventLoop& loop, const std::string& path, Handler handler) {
    TRY(const sockaddr_un address, address_of(path));
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::absolute(path).parent_path(), error);
    if (error) return failure("create the directory of", path, error.value());
    CHECK_OK(make_way(path));

    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.is_open()) return failure("open socket", path, errno);
    const mode_t umask = ::umask(0177);
    const int bound = ::bind(socket.get(), generic(address), sizeof address);
    const int bind_error = errno;
    ::umask(umask);
    if (bound < 0) return failure("listen on", path, bind_error);
    std::unique_ptr<Control> control(new Control(loop, path, std::move(socket), std::move(handler)));
    if (::listen(control->socket_.get(), most_clients) < 0) return failure("listen on", path, errno);
    TRY(control->io_,
        loop.on_io(control->socket_.get(), EPOLLIN, [&self = *control](std::uint32_t) { self.accept(); }));
    return control;
}

Control::Control(EventLoop& loop, std::string path, Fd socket, Handler handler)
    : loop_(loop), path_(std::move(path)), socket_(std::move(socket)), handler_(std::move(handler)) {}

Control::~Control() { ::unlink(path_.c_str()); }

void Control::give_up(const std::string& why) {
    const auto line = answer_to("{}", [&](const Json&) { return tl::unexpected(why); })();
    for (auto& [id, client] : clients_)
        if (client.answer && client.piece.empty()) (void)::send(id, line.data(), line.size(), MSG_NOSIGNAL);
    clients_.clear();
}

void Control::accept() {
    Fd socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.is_open()) return;
    // The oldest client has had the most time.
    if (clients_.size() >= most_clients)
        clients_.erase(std::ranges::min_element(clients_, {}, [](const auto& client) { return client.second.number; }));
    const int id = socket.get();
    auto io = loop_.on_io(id, EPOLLIN, [this, id](std::uint32_t) { serve(id); });
    auto deadline = loop_.timer([this, id] { clients_.erase(id); });
    if (!io || !deadline) return;
    deadline->arm(time_for_client);
    clients_[id] = {.number = next_++,
                    .socket = std::move(socket),
                    .request = {},
                    .answer = {},
                    .piece = {},
                    .io = *std::move(io),
                    .deadline = *std::move(deadline)};
}

void Control::serve(int id) {
    Client& client = clients_.at(id);
    const bool goes_on = client.answer ? send(client) : receive(client);
    if (!goes_on) clients_.erase(id);
}

bool Control::receive(Client& client) {
    std::array<char, 4096> buffer;
    const ssize_t length = ::recv(client.socket.get(), buffer.data(), buffer.size(), 0);
    if (length < 0) return errno == EAGAIN || errno == EINTR;
    const auto state = client.request.append({buffer.data(), static_cast<std::size_t>(length)});
    if (state != RequestLine::State::whole) return length != 0 && state == RequestLine::State::unfinished;

    const int id = client.socket.get();
    client.io = {};  // the loop accepts a descriptor only once
    auto deadline = loop_.timer([this, id] { clients_.erase(id); });
    if (!deadline) return false;
    deadline->arm(time_for_answer);
    client.deadline = *std::move(deadline);
    Pieces answer = answer_to(client.request.text(), handler_, [this, id, number = client.number](Pieces known) {
        const auto waiting = clients_.find(id);  // another client may have the descriptor by now
        if (waiting == clients_.end() || waiting->second.number != number) return;
        if (!begin_to_send(waiting->second, std::move(known))) clients_.erase(waiting);
    });
    return !answer || begin_to_send(client, std::move(answer));
}

bool Control::begin_to_send(Client& client, Pieces answer) {
    client.answer = std::move(answer);
    const int id = client.socket.get();
    auto io = loop_.on_io(id, EPOLLOUT, [this, id](std::uint32_t) { serve(id); });
    if (!io) return false;
    client.io = *std::move(io);
    return true;
}

bool Control::send(Client& client) {
    if (client.piece.empty()) client.piece = client.answer();
    if (client.piece.empty()) return false;
    const ssize_t length = ::send(client.socket.get(), client.piece.data(), client.piece.size(), MSG_NOSIGNAL);
    if (length < 0) return errno == EAGAIN || errno == EINTR;
    client.piece.erase(0, static_cast<std::size_t>(length));
    return true;
}

Result<Json> ask(const std::string& path, const Json& request) {
    TRY(const std::string reply, exchange(path, request));
    return read(reply, path);
}

Result<> tell(const std::string& path, const Json& request) {
    TRY(const std::string reply, exchange(path, request));
    if (reply.empty()) return {};
    return read(reply, path).map([](const Json&) {});
}

}  // namespace culvert::lbd
