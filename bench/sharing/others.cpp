// SPDX-License-Identifier: Apache-2.0
#include "bench/sharing/others.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "common/event_loop.hpp"
#include "lbd/cluster/mesh.hpp"

namespace culvert::bench::sharing {
namespace {

using common::EventLoop;
using lbd::Exceptions;

template <typename T>
T value(netlink::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message());
    return *std::move(result);
}

netlink::IpAddress parsed(const std::string& address) { return netlink::IpAddress::parse(address).value(); }

/// Other flows of the same slots: the place in the flow table is of bits from which the slot does not come.
Exceptions others_of(Exceptions told, std::minstd_rand& random) {
    const auto other = static_cast<std::uint32_t>(random());
    for (Exceptions::Record& record : told.records) record.low = (record.low ^ other) & (told.buckets - 1);
    return told;
}

/// What one who joins gets: flows of no slot in transition, as many as are wanted.
lbd::MeshCalls::Everything story_of(std::uint32_t count) {
    constexpr std::uint32_t buckets = 1 << 21;
    return [count, made = std::uint32_t{0}, random = std::minstd_rand(4711)]() mutable -> std::optional<Exceptions> {
        if (made == count) return std::nullopt;
        Exceptions one{.services = {"web"}, .backends = {"b1"}, .buckets = buckets};
        for (const auto end = std::min(count, made + 4'096); made < end; ++made)
            one.records.push_back({.low = static_cast<std::uint32_t>(random()) % buckets,
                                   .tag = static_cast<std::uint32_t>(random()) << LB_FLOW_STATE_BITS,
                                   .backend = 0,
                                   .age = 1});
        return one;
    };
}

struct Other {
    std::unique_ptr<lbd::Mesh> mesh;
    std::minstd_rand random;
};

void run(unsigned count, const lbd::ClusterKey& key, std::uint32_t joined) {
    spdlog::set_level(spdlog::level::off);
    auto loop = value(EventLoop::open());
    std::vector<std::unique_ptr<Other>> all;
    for (unsigned number = 1; number <= count; ++number) {
        Other& one = *all.emplace_back(std::make_unique<Other>());
        one.random.seed(number);
        const lbd::Cluster cluster{.address = parsed(address_of_other(number)), .peers = {parsed(observed_address)}};
        lbd::MeshCalls calls{.take = [&one](const Exceptions& told) { one.mesh->share(others_of(told, one.random)); }};
        if (number == 1 && joined != 0) calls.all = [joined] { return story_of(joined); };
        one.mesh = value(lbd::Mesh::open(loop, cluster, key,
                                         {.name = fmt::format("lb{}", number), .version = "", .hash_key = ""}, calls));
    }
    if (const auto ran = loop.run(); !ran) throw std::runtime_error(ran.error().message());
}

}  // namespace

std::string address_of_other(unsigned number) { return fmt::format("10.2.1.{}", number); }

Others::Others(const netns::Host& host, unsigned count, const lbd::ClusterKey& key, std::uint32_t joined)
    : pid_(::fork()) {
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    host.within([&] {
        try {
            run(count, key, joined);
        } catch (const std::exception& error) {
            fmt::print(stderr, "the other balancers: {}\n", error.what());
        }
    });
    ::_exit(EXIT_FAILURE);
}

Others::~Others() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

}  // namespace culvert::bench::sharing
