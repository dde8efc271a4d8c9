// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/clients.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>

namespace culvert::netns {

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

constexpr std::chrono::seconds time_for_request{15};
constexpr std::chrono::seconds time_for_query{5};
constexpr int tries = 2;
constexpr std::uint16_t http = 80;
constexpr std::uint16_t dns = 53;

[[noreturn]] void fail(const std::string& address, std::string_view what) {
    throw std::runtime_error(fmt::format("{}: {}", address, what));
}

/// A connection, or a UDP socket that receives from its peer only. Its calls fail after a time without progress.
class Peer {
  public:
    Peer(const std::string& address, std::uint16_t port, int type, std::chrono::seconds patience) : address_(address) {
        const bool v6 = address.find(':') != std::string::npos;
        socket_ = FileDescriptor(::socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0));
        const timeval limit{.tv_sec = patience.count(), .tv_usec = 0};
        for (const int direction : {SO_RCVTIMEO, SO_SNDTIMEO})
            setsockopt(socket_.get(), SOL_SOCKET, direction, &limit, sizeof limit);
        sockaddr_in to4{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
        sockaddr_in6 to6{};
        to6.sin6_family = AF_INET6;
        to6.sin6_port = htons(port);
        if (inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(),
                      v6 ? static_cast<void*>(&to6.sin6_addr) : &to4.sin_addr) != 1)
            netns::fail(address, "is no address");
        if (::connect(socket_.get(),
                      v6 ? reinterpret_cast<const sockaddr*>(&to6) : reinterpret_cast<const sockaddr*>(&to4),
                      v6 ? sizeof to6 : sizeof to4) < 0)
            fail("connect");
    }

    void send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0) fail("send");
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    /// What has arrived; nothing at the end of a connection.
    [[nodiscard]] std::string receive() const {
        std::string bytes(65'536, '\0');
        const ssize_t received = recv(socket_.get(), bytes.data(), bytes.size(), 0);
        if (received < 0) fail("receive");
        bytes.resize(static_cast<std::size_t>(received));
        return bytes;
    }

    /// Ends a connection. Returns when the other end has closed it, too.
    void close() const {
        shutdown(socket_.get(), SHUT_WR);
        while (!receive().empty()) {
        }
        const auto is_closed = [&] {
            tcp_info info{};
            socklen_t size = sizeof info;
            return getsockopt(socket_.get(), IPPROTO_TCP, TCP_INFO, &info, &size) < 0 || info.tcpi_state == TCP_CLOSE;
        };
        if (!eventually(is_closed)) netns::fail(address_, "does not close the connection");
    }

  private:
    [[noreturn]] void fail(const char* call) const {
        netns::fail(address_, fmt::format("{}: {}", call,
                                          errno == EAGAIN || errno == EINPROGRESS ? "no answer" : strerror(errno)));
    }

    std::string address_;
    FileDescriptor socket_;
};

/// The body of the answer. Throws if its status is no success. The server closes the connection first, so at the end it
/// has received all packets of the client.
std::string http_request(const std::string& address, std::string_view head, std::string_view content = {}) {
    const Peer server(address, http, SOCK_STREAM, time_for_request);
    server.send(fmt::format("{}Host: {}\r\nConnection: close\r\n\r\n", head, in_url(address)));
    server.send(content);
    std::string answer;
    for (std::string more = server.receive(); !more.empty(); more = server.receive()) answer += more;
    server.close();
    if (!answer.starts_with("HTTP/1.1 2")) fail(address, "answered " + answer.substr(0, answer.find('\r')));
    constexpr std::string_view end_of_head = "\r\n\r\n";
    constexpr std::string_view length = "\r\nContent-Length: ";
    const std::size_t head_size = answer.find(end_of_head) + end_of_head.size();
    if (const auto at = answer.find(length);
        at < head_size && answer.size() - head_size != std::stoul(answer.substr(at + length.size(), 20)))
        fail(address, "ended before its answer did");
    return answer.substr(head_size);
}

/// A question for the TXT record of whoami.example (RFC 1035, 4.1).
std::string query(std::uint16_t id) {
    using namespace std::string_literals;
    return std::string{static_cast<char>(id >> 8), static_cast<char>(id & 0xff)} +
           "\1\0\0\1\0\0\0\0\0\0\6whoami\7example\0\0\20\0\1"s;
}

/// The text in an answer with one record. The answer repeats the question. A record begins with its name, type, class,
/// time to live and length.
std::string text_of(const std::string& address, const std::string& question, const std::string& answer) {
    constexpr std::size_t before_text = 2 + 2 + 2 + 4 + 2;
    const std::size_t at = question.size() + before_text;
    const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(answer[index]); };
    if (answer.size() <= at || (byte(3) & 0xf) != 0 || byte(7) != 1 ||
        answer.compare(12, question.size() - 12, question, 12) != 0)
        fail(address, "has no such record");
    return answer.substr(at + 1, byte(at));
}

std::string ask(const std::string& address, Transport transport, std::uint16_t id) {
    const std::string question = query(id);
    if (transport == Transport::tcp) {
        const Peer server(address, dns, SOCK_STREAM, time_for_query);
        server.send(std::string{'\0', static_cast<char>(question.size())} + question);
        std::string answer;
        while (answer.size() < 2 || answer.size() < 2U + static_cast<unsigned char>(answer[1])) {
            const std::string more = server.receive();
            if (more.empty()) fail(address, "ended before its answer did");
            answer += more;
        }
        server.close();
        return text_of(address, question, answer.substr(2));
    }
    const Peer server(address, dns, SOCK_DGRAM, time_for_query);
    server.send(question);
    return text_of(address, question, server.receive());
}

}  // namespace

std::string in_url(const std::string& address) {
    return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

std::string http_get(const Host& client, const std::string& address, const std::string& path) {
    std::string body;
    client.within([&] { body = http_request(address, fmt::format("GET {} HTTP/1.1\r\n", path)); });
    return body;
}

std::vector<std::string> http_get_many(const Host& client, const std::string& address, int count) {
    std::string bodies;
    client.within([&] {
        for (int i = 0; i < count; ++i) bodies += http_request(address, "GET / HTTP/1.1\r\n");
    });
    return lines_of(bodies);
}

void http_put(const Host& client, const std::string& address, const std::string& file, std::string_view content) {
    client.within([&] {
        (void)http_request(
            address, fmt::format("PUT /upload/{} HTTP/1.1\r\nContent-Length: {}\r\n", file, content.size()), content);
    });
}

std::string dns_whoami(const Host& client, const std::string& address, Transport transport) {
    std::string name;
    client.within([&] {
        for (int left = tries; left > 0; --left) try {
                name = ask(address, transport, static_cast<std::uint16_t>(left));
                return;
            } catch (const std::runtime_error&) {
                if (left == 1) throw;
            }
    });
    return name;
}

std::vector<std::string> dns_whoami_many(const Host& client, const std::string& address, int count) {
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) names.push_back(dns_whoami(client, address));
    return names;
}

std::string answer_at(const Host& host, const std::string& path, std::string_view line) {
    std::string answer;
    host.within([&] {
        const FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un to{.sun_family = AF_UNIX, .sun_path = {}};
        path.copy(to.sun_path, sizeof to.sun_path - 1);
        if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) fail(path, strerror(errno));
        const std::string request = fmt::format("{}\n", line);
        if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) fail(path, strerror(errno));
        std::array<char, 65'536> bytes{};
        while (!answer.ends_with('\n')) {
            const ssize_t received = recv(socket.get(), bytes.data(), bytes.size(), 0);
            if (received < 0) fail(path, strerror(errno));
            if (received == 0) fail(path, "ended before its answer did");
            answer.append(bytes.data(), static_cast<std::size_t>(received));
        }
    });
    return answer;
}

const std::string& noise(std::size_t size) {
    static std::map<std::size_t, std::string> made;
    std::string& bytes = made[size];
    std::mt19937 generator(static_cast<std::mt19937::result_type>(size));
    while (bytes.size() < size) {
        const auto word = static_cast<std::uint32_t>(generator());
        bytes.append(reinterpret_cast<const char*>(&word), std::min(sizeof word, size - bytes.size()));
    }
    return bytes;
}

}  // namespace culvert::netns
