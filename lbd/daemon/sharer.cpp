// SPDX-License-Identifier: Apache-2.0
#include "lbd/daemon/sharer.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;

constexpr auto without_peers = 1s;

/// A twentieth of one processor.
std::chrono::milliseconds pause_after(Exchange::Clock::duration work) {
    return std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(20 * work), 2ms, 50ms);
}

}  // namespace

netlink::Result<> Sharer::open(common::EventLoop& loop) {
    TRY(next_, loop.timer([this] { share(); }));
    return {};
}

MeshCalls Sharer::calls() {
    return {.take =
                [this](const Exceptions& exceptions) {
                    balancer_.exchange.take(exceptions);
                    next_.arm(0ms);
                },
            .all =
                [this] {
                    return [this,
                            next = balancer_.exchange.everything(balancer_.reconciler)]() -> std::optional<Exceptions> {
                        auto message = next();
                        not_shared_.take(message.map([](const auto&) {}));
                        return message ? *std::move(message) : std::nullopt;
                    };
                },
            .gone = [this] { balancer_.exchange.forget_peers(); }};
}

void Sharer::begin(bool joins) {
    balancer_.exchange.join(joins);
    // There must be room for all that the others know. The part becomes smaller again by itself.
    if (joins && balancer_.mesh) not_shared_.take(balancer_.reconciler.datapath().flows().use_part(0));
    share();
}

void Sharer::share() {
    const auto begun = Exchange::Clock::now();
    Mesh* mesh = balancer_.mesh.get();
    if (mesh == nullptr) return next_.arm(without_peers);
    not_shared_.take(
        balancer_.exchange.run(balancer_.reconciler, begun, [mesh](const Exceptions& one) { mesh->share(one); }));
    if (mesh->joined() && balancer_.exchange.waiting() == 0) balancer_.exchange.join(false);
    next_.arm(balancer_.exchange.waiting() != 0 ? 0ms : pause_after(Exchange::Clock::now() - begun));
}

}  // namespace culvert::lbd
