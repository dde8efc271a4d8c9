// SPDX-License-Identifier: Apache-2.0
#include "netlink/socket.hpp"

#include <linux/netlink.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "netlink/datagram.hpp"

namespace culvert::netlink {

namespace {

constexpr int receive_buffer = 1024 * 1024;
constexpr int dump_attempts = 10;

/// The content of an NLMSG_ERROR or NLMSG_DONE: errno (0: done), and the text of the extended acknowledgement.
struct Verdict {
    int code = 0;
    std::string text;
};

std::optional<Verdict> decode_verdict(const RawMessage& message) {
    const auto& header = message.header;
    const Bytes body = message.bytes.subspan(NLMSG_HDRLEN);
    std::size_t attributes = sizeof(int);
    if (header.nlmsg_type == NLMSG_ERROR) {
        const auto error = read<nlmsgerr>(body);
        if (!error) return std::nullopt;
        // The answer contains the request, unless capped to its header.
        attributes = sizeof *error;
        if ((header.nlmsg_flags & NLM_F_CAPPED) == 0) attributes += NLMSG_ALIGN(error->msg.nlmsg_len) - NLMSG_HDRLEN;
    }
    const auto code = read<int>(body);
    if (!code || *code > 0) return std::nullopt;
    Verdict verdict{-*code, {}};
    if ((header.nlmsg_flags & NLM_F_ACK_TLVS) != 0 && attributes <= body.size())
        verdict.text = Attributes(body.subspan(attributes)).text(NLMSGERR_ATTR_MSG);
    return verdict;
}

std::string cure_of(int code) { return code == EPERM ? "run it as root, or with CAP_NET_ADMIN" : ""; }

Result<> outcome(const RawMessage& answer, const std::string& operation, const std::string& object) {
    auto verdict = decode_verdict(answer);
    if (!verdict) return failure(operation, object, EBADMSG);
    if (verdict->code == 0) return {};
    return failure(operation, object, verdict->code, std::move(verdict->text), cure_of(verdict->code));
}

}  // namespace

Socket::Socket(Handle<nl_sock, nl_socket_free> socket) : socket_(std::move(socket)), buffer_(max_datagram) {}

Result<Socket> Socket::open(int protocol) {
    const std::string object = protocol == NETLINK_ROUTE ? "route" : std::to_string(protocol);
    Handle<nl_sock, nl_socket_free> socket(nl_socket_alloc());
    if (!socket || nl_connect(socket.get(), protocol) < 0) return failure("open netlink socket", object, errno);
    const int fd = nl_socket_get_fd(socket.get());
    const int on = 1;
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    // Without it the kernel ignores the filters of a dump.
    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
    set_receive_buffer(fd, receive_buffer);
    return Socket(std::move(socket));
}

Result<> Socket::request(Message message, const std::string& operation, const std::string& object) {
    message.raw().nlmsg_flags |= NLM_F_ACK;
    CHECK_OK(exchange(message, operation, object, [](Bytes) {}));
    return {};
}

Result<> Socket::collect(Message& message, const std::string& operation, const std::function<void()>& restart,
                         const OnMessage& on_message) {
    message.raw().nlmsg_flags |= NLM_F_DUMP;
    for (int attempt = 0; attempt < dump_attempts; ++attempt) {
        restart();
        TRY(const bool consistent, exchange(message, operation, "", on_message));
        if (consistent) return {};
    }
    return failure(operation, "", EAGAIN, "", "it changes faster than it can be read");
}

Result<bool> Socket::exchange(Message& message, const std::string& operation, const std::string& object,
                              const OnMessage& on_message) {
    if (!message.fits()) return failure(operation, object, EMSGSIZE);
    address(message.raw());
    if (const auto sent = send(message.bytes()); !sent) return failure(operation, object, sent.error());
    bool consistent = true;
    for (;;) {
        const auto datagram = receive(nl_socket_get_fd(socket_.get()), buffer_);
        if (!datagram) return failure(operation, object, datagram.error());
        for (const RawMessage& answer : split(*datagram)) {
            const nlmsghdr& header = answer.header;
            if (header.nlmsg_seq != message.raw().nlmsg_seq) continue;
            if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) consistent = false;
            if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
                CHECK_OK(outcome(answer, operation, object));
                return consistent;
            }
            if (header.nlmsg_type >= NLMSG_MIN_TYPE) on_message(answer.bytes);
        }
    }
}

std::vector<Result<>> Socket::request(std::vector<Request> requests) {
    std::vector<Result<>> outcomes(requests.size());
    const auto fail_all = [&](int code) {
        for (std::size_t i = 0; i < requests.size(); ++i)
            outcomes[i] = failure(requests[i].operation, requests[i].object, code);
        return outcomes;
    };
    std::vector<std::byte> datagram;
    for (Request& request : requests) {
        if (!request.message.fits()) return fail_all(EMSGSIZE);
        // Errors are always reported. The acknowledgement of the last request shows that there are no more.
        if (&request == &requests.back()) request.message.raw().nlmsg_flags |= NLM_F_ACK;
        address(request.message.raw());
        const Bytes bytes = request.message.bytes();
        datagram.insert(datagram.end(), bytes.begin(), bytes.end());
        datagram.resize(NLMSG_ALIGN(datagram.size()));
    }
    if (requests.empty()) return outcomes;
    if (const auto sent = send(datagram); !sent) return fail_all(sent.error());
    const std::uint32_t first = requests.front().message.raw().nlmsg_seq;
    for (bool complete = false; !complete;) {
        const auto received = receive(nl_socket_get_fd(socket_.get()), buffer_);
        if (!received) return fail_all(received.error());
        for (const RawMessage& answer : split(*received)) {
            const std::uint32_t which = answer.header.nlmsg_seq - first;
            if (answer.header.nlmsg_type != NLMSG_ERROR || which >= requests.size()) continue;
            outcomes[which] = outcome(answer, requests[which].operation, requests[which].object);
            complete = complete || which == requests.size() - 1;
        }
    }
    return outcomes;
}

void Socket::address(nlmsghdr& request) {
    request.nlmsg_flags |= NLM_F_REQUEST;
    request.nlmsg_seq = nl_socket_use_seq(socket_.get());
    request.nlmsg_pid = nl_socket_get_local_port(socket_.get());
}

tl::expected<void, int> Socket::send(Bytes requests) {
    ssize_t sent = 0;
    do {
        sent = ::send(nl_socket_get_fd(socket_.get()), requests.data(), requests.size(), 0);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return tl::unexpected(errno);
    return {};
}

}  // namespace culvert::netlink
