// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/event_loop.hpp"
#include "common/fd.hpp"
#include "lbd/cluster/message.hpp"
#include "lbd/cluster/out_queue.hpp"
#include "lbd/cluster/tls.hpp"
#include "lbd/model/endpoint.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

using common::EventLoop;

/// A TCP connection with TLS that carries messages. In one turn of the event loop it does a limited amount of work.
class Channel {
  public:
    using Clock = std::chrono::steady_clock;

    /// All are called from the event loop. They may close the channel, but must not destroy it.
    struct Calls {
        std::function<void()> opened;                    ///< the handshake has succeeded
        std::function<void(Message)> received;           ///< a message
        std::function<void()> drained;                   ///< little is left to be sent
        std::function<void(const std::string&)> closed;  ///< by the other end or by a failure: why
    };

    /// When less is left, `drained` is called.
    static constexpr std::size_t little_queued = 128 << 10;

    /// `from`: the local address; absent: the kernel chooses it.
    [[nodiscard]] static netlink::Result<std::unique_ptr<Channel>> connect(
        EventLoop& loop, const TlsContext& tls, const std::optional<netlink::IpAddress>& from, const Endpoint& to);
    [[nodiscard]] static netlink::Result<std::unique_ptr<Channel>> accept(EventLoop& loop, const TlsContext& tls,
                                                                          common::Fd socket);
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    void set_calls(Calls calls) { calls_ = std::move(calls); }

    /// Messages are sent in this order. One may be shared between channels.
    void send(std::shared_ptr<const std::string> message);
    void send(const Message& message) { send(std::make_shared<const std::string>(encode(message))); }
    /// Tells the other end why, if that is possible at once. Nothing is called any more.
    void close(const std::string& reason);

    /// Longer messages end the connection.
    void accept_messages_up_to(std::size_t bytes) { longest_ = bytes; }

    [[nodiscard]] bool is_closed() const { return stage_ == Stage::closed; }
    /// What waits to be sent.
    [[nodiscard]] const OutQueue& waiting() const { return queue_; }
    /// When bytes last arrived.
    [[nodiscard]] Clock::time_point heard() const { return heard_; }
    struct Bytes {
        std::uint64_t in = 0;
        std::uint64_t out = 0;
    };
    [[nodiscard]] const Bytes& bytes() const { return bytes_; }
    [[nodiscard]] netlink::IpAddress local() const;
    [[nodiscard]] const netlink::IpAddress& remote() const { return remote_; }

  private:
    enum class Stage : std::uint8_t { connecting, shaking_hands, open, closed };
    Channel(common::Fd socket, TlsStream tls, Stage stage, const netlink::IpAddress& remote);
    [[nodiscard]] netlink::Result<> begin(EventLoop& loop);

    void happened(std::uint32_t events);
    void finish_connecting();
    void receive();
    void shake_hands();
    void decrypt();
    void take_messages();
    void transmit();
    bool send_encrypted();
    void encrypt_next();
    void fail(const std::string& reason);

    common::Fd socket_;
    TlsStream tls_;
    Stage stage_;
    netlink::IpAddress remote_;
    Calls calls_;
    std::size_t longest_;

    std::vector<std::uint8_t> in_;         // decrypted, not yet a whole message
    std::vector<std::uint8_t> encrypted_;  // to be sent
    std::size_t encrypted_sent_ = 0;
    OutQueue queue_;

    Clock::time_point heard_ = Clock::now();
    Bytes bytes_;
    EventLoop::Source source_;  // destroyed first
};

}  // namespace culvert::lbd
