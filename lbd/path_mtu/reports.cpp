// SPDX-License-Identifier: Apache-2.0
#include "lbd/path_mtu/reports.hpp"

#include <spdlog/spdlog.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace culvert::lbd {

using netlink::Result;

Result<Reports> Reports::open() {
    std::unique_ptr<IcmpSockets> icmp;
    if (auto sockets = IcmpSockets::open())
        icmp = std::make_unique<IcmpSockets>(*std::move(sockets));
    else
        spdlog::warn(sockets.error().message() + "; path MTUs that routers report are ignored");

    constexpr itimerspec now_and_then{.it_interval = {.tv_sec = 10}, .it_value = {.tv_sec = 10}};
    common::Fd aging(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    if (!aging.is_open() || ::timerfd_settime(aging.get(), 0, &now_and_then, nullptr) < 0)
        return netlink::failure("set", "a timer", errno);
    return Reports(std::move(icmp), std::move(aging));
}

std::vector<int> Reports::fds() const {
    std::vector<int> all{aging_.get()};
    if (icmp_) all.push_back(icmp_->fd());
    return all;
}

std::vector<Quotation> Reports::read() const { return icmp_ ? icmp_->read() : std::vector<Quotation>(); }

bool Reports::is_time_to_expire() const {
    std::uint64_t times = 0;
    return ::read(aging_.get(), &times, sizeof times) == sizeof times;
}

}  // namespace culvert::lbd
