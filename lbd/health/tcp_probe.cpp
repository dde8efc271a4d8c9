// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/tcp_probe.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <utility>

#include "lbd/health/connection.hpp"

namespace culvert::lbd {
namespace {

class TcpProbe : public Probe {
  public:
    explicit TcpProbe(common::Fd socket) : socket_(std::move(socket)) {}

    netlink::Result<> wait(EventLoop& loop, Done done) {
        TRY(io_, loop.on_io(socket_.get(), EPOLLOUT, [this, done = std::move(done)](std::uint32_t) {
            std::string error = connection_error(socket_.get());
            const bool answered = error.empty();
            done({.answered = answered, .reason = std::move(error)});
        }));
        return {};
    }

  private:
    common::Fd socket_;
    EventLoop::Source io_;
};

}  // namespace

StartedProbe start_tcp_probe(EventLoop& loop, const OwnSockets& own, const Subject& subject, Probe::Done done) {
    TRY(auto socket, connect_to(own, SOCK_STREAM, subject.address, subject.port));
    auto probe = std::make_unique<TcpProbe>(std::move(socket));
    CHECK_OK(probe->wait(loop, std::move(done)));
    return probe;
}

}  // namespace culvert::lbd
