// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/dns_probe.hpp"

#include <arpa/nameser.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "lbd/health/connection.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;
using Bytes = std::vector<std::uint8_t>;

/// The name of a response code (RFC 1035, section 4.1.1).
std::string rcode_text(int code) {
    constexpr std::array<std::string_view, 6> names{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
    return code < std::ssize(names) ? std::string(names[static_cast<std::size_t>(code)])
                                    : fmt::format("RCODE {}", code);
}

Result<Bytes> make_query(const DnsCheck& check) {
    Bytes query(NS_PACKETSZ);
    const int size = ::res_mkquery(ns_o_query, check.name.c_str(), ns_c_in, check.record, nullptr, 0, nullptr,
                                   query.data(), static_cast<int>(query.size()));
    if (size < 0) return failure("make a DNS query for", check.name, EINVAL);
    query.resize(static_cast<std::size_t>(size));
    return query;
}

/// Nothing if it answers another query.
std::optional<Finding> read_answer(std::span<const std::uint8_t> answer, const Bytes& query) {
    ns_msg message{};
    if (::ns_initparse(answer.data(), static_cast<int>(answer.size()), &message) < 0) return std::nullopt;
    if (ns_msg_id(message) != (query[0] << 8 | query[1]) || ns_msg_getflag(message, ns_f_qr) == 0) return std::nullopt;
    const int rcode = ns_msg_getflag(message, ns_f_rcode);
    if (rcode != ns_r_noerror) return Finding{.answered = false, .reason = rcode_text(rcode)};
    return Finding{.answered = true, .reason = {}};
}

class DnsProbe : public Probe {
  public:
    DnsProbe(bool tcp, common::Fd socket, Bytes query, Done done)
        : tcp_(tcp), socket_(std::move(socket)), query_(std::move(query)), done_(std::move(done)) {}

    /// If a datagram cannot be sent, the fault is on this host, and says nothing about the backend.
    Result<> begin(EventLoop& loop) {
        if (tcp_) {
            TRY(io_, loop.on_io(socket_.get(), EPOLLOUT, [this, &loop](std::uint32_t) { ask(loop); }));
            return {};
        }
        if (::send(socket_.get(), query_.data(), query_.size(), MSG_NOSIGNAL) < 0)
            return failure("send", "a query", errno);
        return listen(loop);
    }

  private:
    void ask(EventLoop& loop) {
        if (std::string error = connection_error(socket_.get()); !error.empty()) return finish({.reason = error});
        Bytes message = query_;  // RFC 1035, section 4.2.2
        message.insert(message.begin(),
                       {static_cast<std::uint8_t>(query_.size() >> 8), static_cast<std::uint8_t>(query_.size())});
        if (::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0)
            return finish({.reason = error_text(errno)});
        if (const auto listening = listen(loop); !listening) finish({.reason = listening.error().message()});
    }

    Result<> listen(EventLoop& loop) {
        io_ = {};  // the loop accepts a descriptor only once
        TRY(io_, loop.on_io(socket_.get(), EPOLLIN, [this](std::uint32_t) { hear(); }));
        return {};
    }

    void hear() {
        std::array<std::uint8_t, NS_PACKETSZ * 8> buffer;
        const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (size < 0) return finish({.reason = error_text(errno)});
        if (size == 0 && tcp_) return finish({.reason = "the connection was closed"});
        if (!tcp_) heard_.clear();
        heard_.insert(heard_.end(), buffer.begin(), buffer.begin() + size);
        std::span<const std::uint8_t> message(heard_);
        if (tcp_) {
            if (message.size() < 2 || message.size() < 2U + (message[0] << 8 | message[1])) return;
            message = message.subspan(2);
        }
        if (auto finding = read_answer(message, query_)) finish(*std::move(finding));
    }

    void finish(Finding finding) {
        const Done done = std::move(done_);
        done(std::move(finding));
    }

    bool tcp_;
    common::Fd socket_;
    Bytes query_;
    Bytes heard_;
    Done done_;
    EventLoop::Source io_;
};

}  // namespace

StartedProbe start_dns_probe(EventLoop& loop, const OwnSockets& own, const DnsCheck& check, const Subject& subject,
                             Probe::Done done) {
    TRY(auto query, make_query(check));
    TRY(auto socket, connect_to(own, check.tcp ? SOCK_STREAM : SOCK_DGRAM, subject.address, subject.port));
    auto probe = std::make_unique<DnsProbe>(check.tcp, std::move(socket), std::move(query), std::move(done));
    CHECK_OK(probe->begin(loop));
    return probe;
}

}  // namespace culvert::lbd
