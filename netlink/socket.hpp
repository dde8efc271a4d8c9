// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netlink/socket.h>

#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "netlink/attributes.hpp"
#include "netlink/handle.hpp"
#include "netlink/message.hpp"
#include "netlink/result.hpp"

namespace culvert::netlink {

/// A request, and its operation and object for errors.
struct Request {
    Message message;
    std::string operation;
    std::string object;
};

/// A netlink socket for requests and dumps. It talks to the network namespace in which it was opened. Not for use by
/// two threads at once. Errors have the kernel's errno and the text of the extended acknowledgement.
class Socket {
  public:
    /// `protocol`: NETLINK_ROUTE, NETLINK_GENERIC.
    [[nodiscard]] static Result<Socket> open(int protocol);

    /// Sends, and waits for the kernel's acknowledgement. `operation` and `object` are for the error.
    [[nodiscard]] Result<> request(Message message, const std::string& operation, const std::string& object);
    [[nodiscard]] Result<> request(Request request) {
        return this->request(std::move(request.message), request.operation, request.object);
    }

    /// Sends requests all at once. Each is executed, even if one before it fails, and has its own result. At most a
    /// hundred: their errors must fit into the receive buffer.
    [[nodiscard]] std::vector<Result<>> request(std::vector<Request> requests);

    /// Sends a question with one answer, and decodes the answer. EBADMSG if it is malformed.
    template <typename Decode>
    [[nodiscard]] auto query(Message message, const std::string& operation, const std::string& object, Decode decode)
        -> Result<typename std::invoke_result_t<Decode, Bytes>::value_type> {
        message.raw().nlmsg_flags |= NLM_F_ACK;
        typename std::invoke_result_t<Decode, Bytes> answer;
        CHECK_OK(exchange(message, operation, object, [&](Bytes bytes) {
            if (!answer) answer = decode(bytes);
        }));
        if (!answer) return failure(operation, object, EBADMSG);
        return std::move(*answer);
    }

    /// Sends a question whose answer is a list. Leaves out messages for which `decode` returns nothing (a dump of all
    /// families has some that we don't support). If the kernel's tables change meanwhile, the dump starts again.
    template <typename Decode>
    [[nodiscard]] auto dump(Message message, const std::string& operation, Decode decode)
        -> Result<std::vector<typename std::invoke_result_t<Decode, Bytes>::value_type>> {
        std::vector<typename std::invoke_result_t<Decode, Bytes>::value_type> entries;
        CHECK_OK(collect(
            message, operation, [&] { entries.clear(); },
            [&](Bytes bytes) {
                if (auto entry = decode(bytes)) entries.push_back(std::move(*entry));
            }));
        return entries;
    }

  private:
    using OnMessage = std::function<void(Bytes)>;

    explicit Socket(Handle<nl_sock, nl_socket_free> socket);

    [[nodiscard]] Result<> collect(Message& message, const std::string& operation, const std::function<void()>& restart,
                                   const OnMessage& on_message);
    /// False if the kernel's tables changed during a dump.
    [[nodiscard]] Result<bool> exchange(Message& message, const std::string& operation, const std::string& object,
                                        const OnMessage& on_message);
    /// Sets the sequence number, which answers repeat.
    void address(nlmsghdr& request);
    /// The only place that sends. On failure, errno.
    [[nodiscard]] tl::expected<void, int> send(Bytes requests);

    Handle<nl_sock, nl_socket_free> socket_;
    std::vector<std::byte> buffer_;
};

}  // namespace culvert::netlink
