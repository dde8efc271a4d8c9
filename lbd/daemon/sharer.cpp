// SPDX-License-Identifier: Apache-2.0
#include "lbd/daemon/sharer.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;

constexpr auto without_peers = 1s;
constexpr auto without_news = 50ms;
constexpr auto with_flows_only = 2ms;  // the rest waits for the end of the change

/// Of the processor, by this thread. While others use that, no time is lost on top of it.
std::chrono::nanoseconds used_time() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// A twentieth of one processor.
std::chrono::milliseconds pause_after(std::chrono::nanoseconds work) {
    return std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(20 * work), 2ms, 50ms);
}

}  // namespace

netlink::Result<> Sharer::open(common::EventLoop& loop) {
    loop_ = &loop;
    TRY(taking_in_, loop.timer([this] { take_in(); }));
    TRY(telling_, loop.timer([this] { tell(); }));
    return {};
}

MeshCalls Sharer::calls() {
    return {.take =
                [this](const Exceptions& exceptions) {
                    balancer_.exchange.take(exceptions);
                    taking_in_.arm(1ms);  // with what others tell at that time
                },
            .all =
                [this] {
                    return [this,
                            next = balancer_.exchange.everything(balancer_.reconciler)]() -> std::optional<Exceptions> {
                        auto message = next();
                        not_told_.take(message.map([](const auto&) {}));
                        return message ? *std::move(message) : std::nullopt;
                    };
                },
            .gone = [this](const auto& /*peer*/) { balancer_.exchange.forget_peers(); }};
}

void Sharer::begin(bool joins, std::function<void()> joined) {
    joined_ = std::move(joined);
    balancer_.exchange.join(joins);
    // There must be room for all that the others know. The part becomes smaller again by itself.
    if (joins && balancer_.mesh) not_taken_in_.take(balancer_.reconciler.datapath().flows().use_part(0));
    take_in();
    tell();
}

void Sharer::take_in() {
    if (!balancer_.mesh) {
        have_joined();
        return taking_in_.arm(without_peers);
    }
    const bool flows_only = loop_->runs_alone();
    not_taken_in_.take(balancer_.exchange.take_in(balancer_.reconciler, flows_only));
    const bool has_all = balancer_.exchange.waiting() == 0;
    if (balancer_.mesh->joined() && has_all) have_joined();
    taking_in_.arm(has_all ? without_news : flows_only ? with_flows_only : 0ms);
}

void Sharer::have_joined() {
    balancer_.exchange.join(false);
    if (const auto joined = std::exchange(joined_, {})) joined();
}

/// However many messages come, the flow table is looked at as often.
void Sharer::tell() {
    const auto used_before = used_time();
    Mesh* mesh = balancer_.mesh.get();
    if (mesh == nullptr) return telling_.arm(without_peers);
    not_told_.take(balancer_.exchange.tell(balancer_.reconciler, Exchange::Clock::now(),
                                           [mesh](const Exceptions& one) { mesh->share(one); }));
    telling_.arm(pause_after(used_time() - used_before));
}

}  // namespace culvert::lbd
