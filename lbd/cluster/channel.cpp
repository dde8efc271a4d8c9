// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/channel.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lbd/cluster/socket.hpp"

namespace culvert::lbd {
namespace {

using common::Fd;
using netlink::failure;
using netlink::IpAddress;
using netlink::Result;

constexpr std::size_t largest_record = 16 << 10;   // the largest part that TLS encrypts at once
constexpr int turns = 4;                           // records read, and written, in one turn of the event loop
constexpr std::size_t longest_at_first = 4 << 10;  // until the other end is known

using Scratch = std::array<std::uint8_t, largest_record + 512>;

/// One thread, and the bytes are used at once.
Scratch& scratch() {
    static Scratch bytes;
    return bytes;
}

std::string text_of_errno(int code) { return ::strerror(code); }  // NOLINT(concurrency-mt-unsafe): one thread

}  // namespace

Channel::Channel(Fd socket, TlsStream tls, Stage stage, const IpAddress& remote)
    : socket_(std::move(socket)), tls_(std::move(tls)), stage_(stage), remote_(remote), longest_(longest_at_first) {}

Result<> Channel::begin(EventLoop& loop) {
    const std::uint32_t events = stage_ == Stage::connecting ? EPOLLOUT : EPOLLIN;
    TRY(source_, loop.on_io(socket_.get(), events, [this](std::uint32_t which) { happened(which); }));
    return {};
}

Result<std::unique_ptr<Channel>> Channel::connect(EventLoop& loop, const TlsContext& tls,
                                                  const std::optional<IpAddress>& from, const Endpoint& to) {
    TRY(Fd socket, connecting_socket(from, to));
    auto stream = TlsStream::make(tls, TlsStream::Role::client);
    if (!stream) return failure("set up", "TLS", ENOMEM);
    std::unique_ptr<Channel> channel(new Channel(std::move(socket), *std::move(stream), Stage::connecting, to.address));
    CHECK_OK(channel->begin(loop));
    return channel;
}

Result<std::unique_ptr<Channel>> Channel::accept(EventLoop& loop, const TlsContext& tls, Fd socket) {
    auto stream = TlsStream::make(tls, TlsStream::Role::server);
    if (!stream) return failure("set up", "TLS", ENOMEM);
    const IpAddress remote = remote_address(socket.get());
    std::unique_ptr<Channel> channel(new Channel(std::move(socket), *std::move(stream), Stage::shaking_hands, remote));
    CHECK_OK(channel->begin(loop));
    return channel;
}

IpAddress Channel::local() const { return local_address(socket_.get()); }

void Channel::send(std::shared_ptr<const std::string> message) {
    if (is_closed()) return;
    queue_.push(std::move(message));
    if (stage_ == Stage::open) source_.watch(EPOLLIN | EPOLLOUT);
}

void Channel::close(const std::string& reason) {
    if (stage_ == Stage::open && encrypted_.empty() && !queue_.is_within_message()) {
        const std::string bye = encode(Bye{.reason = reason});
        encrypted_.resize(largest_record);
        if (tls_.write({reinterpret_cast<const std::uint8_t*>(bye.data()), bye.size()})) {
            encrypted_.resize(tls_.take(encrypted_));
            (void)send_encrypted();
        }
    }
    stage_ = Stage::closed;
    source_ = {};
    socket_ = {};
}

void Channel::fail(const std::string& reason) {
    if (is_closed()) return;
    stage_ = Stage::closed;
    source_ = {};
    socket_ = {};
    if (calls_.closed) calls_.closed(reason);
}

void Channel::happened(std::uint32_t events) {
    if (queue_.is_overflown())
        return fail(fmt::format("too slow: more than {} MiB waited for it", OutQueue::most_bytes >> 20));
    if (stage_ == Stage::connecting) return finish_connecting();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive();
    if (!is_closed()) transmit();
}

void Channel::finish_connecting() {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(text_of_errno(error));
    heard_ = Clock::now();
    stage_ = Stage::shaking_hands;
    shake_hands();
    if (!is_closed()) transmit();
}

void Channel::receive() {
    for (int turn = 0; turn < turns && !is_closed(); ++turn) {
        const ssize_t size = ::recv(socket_.get(), scratch().data(), largest_record, 0);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (size < 0) return fail(text_of_errno(errno));
        if (size == 0) return fail("it closed the connection");
        heard_ = Clock::now();
        bytes_.in += static_cast<std::uint64_t>(size);
        tls_.put(std::span(scratch()).first(static_cast<std::size_t>(size)));
        if (stage_ == Stage::shaking_hands) shake_hands();
        if (stage_ == Stage::open) decrypt();
    }
}

void Channel::shake_hands() {
    switch (tls_.shake_hands()) {
        case TlsStream::Step::waits:
            return;
        case TlsStream::Step::failed:
            transmit();  // an alert tells the other end
            return fail(fmt::format("TLS: {}; it has another key, or is no balancer", tls_.error()));
        case TlsStream::Step::done:
            stage_ = Stage::open;
            if (calls_.opened) calls_.opened();
    }
}

/// All of what was put in, which is at most a record more than was received.
void Channel::decrypt() {
    while (!is_closed()) {
        std::size_t size = 0;
        switch (tls_.read(scratch(), size)) {
            case TlsStream::Step::waits:
                return;
            case TlsStream::Step::failed:
                return fail(fmt::format("TLS: {}", tls_.error()));
            case TlsStream::Step::done:
                in_.insert(in_.end(), scratch().data(), scratch().data() + size);
                take_messages();
        }
    }
}

void Channel::take_messages() {
    std::size_t at = 0;
    while (!is_closed()) {
        const auto left = std::span<const std::uint8_t>(in_).subspan(at);
        if (left.size() < length_bytes) break;
        const std::size_t length = length_of(left.first<length_bytes>());
        if (length > longest_) return fail(fmt::format("a message of {} bytes, which is too long", length));
        if (left.size() - length_bytes < length) break;
        auto message = decode_message(left.subspan(length_bytes, length));
        if (!message) return fail(message.error());
        at += length_bytes + length;
        if (*message && calls_.received) calls_.received(**std::move(message));
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(at));
}

/// Sends what can be sent now. Afterwards the event loop waits for what is missing.
void Channel::transmit() {
    for (int turn = 0; turn < turns; ++turn) {
        if (!send_encrypted()) break;
        if (encrypted_.empty()) encrypt_next();
        if (encrypted_.empty()) break;
    }
    if (is_closed()) return;
    if (stage_ == Stage::open && queue_.bytes() < little_queued && calls_.drained) calls_.drained();
    if (is_closed()) return;
    const bool has_more = !encrypted_.empty() || (stage_ == Stage::open && !queue_.empty());
    source_.watch(has_more ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/// False if the socket takes no more.
bool Channel::send_encrypted() {
    while (encrypted_sent_ < encrypted_.size()) {
        const ssize_t sent = ::send(socket_.get(), encrypted_.data() + encrypted_sent_,
                                    encrypted_.size() - encrypted_sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) {
            if (errno != EAGAIN && stage_ == Stage::open) fail(text_of_errno(errno));
            return false;
        }
        encrypted_sent_ += static_cast<std::size_t>(sent);
        bytes_.out += static_cast<std::uint64_t>(sent);
    }
    encrypted_.clear();
    encrypted_sent_ = 0;
    return true;
}

/// What TLS has to say itself, and then messages, as many as fit into a record.
void Channel::encrypt_next() {
    if (stage_ == Stage::open && !queue_.empty()) {
        const std::size_t size = queue_.take(std::span(scratch()).first(largest_record));
        if (!tls_.write(std::span(scratch()).first(size))) return fail(fmt::format("TLS: {}", tls_.error()));
    }
    encrypted_.resize(2 * largest_record);
    encrypted_.resize(tls_.take(encrypted_));
}

}  // namespace culvert::lbd
