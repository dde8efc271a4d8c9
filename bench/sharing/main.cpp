// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <thread>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "bench/command.hpp"
#include "bench/sharing/clients.hpp"
#include "bench/sharing/observed.hpp"
#include "bench/sharing/options.hpp"
#include "bench/sharing/others.hpp"

/// What one balancer of many pays for sharing connections: lbd as it is, with connections to all the others.
namespace culvert::bench::sharing {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using nlohmann::ordered_json;

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

void await(const char* what, auto&& holds) {
    const auto end = Clock::now() + 60s;
    while (!holds()) {
        if (Clock::now() > end) throw std::runtime_error(fmt::format("this did not happen within a minute: {}", what));
        std::this_thread::sleep_for(10ms);
    }
}

constexpr auto between_looks = 500ms;

/// Backends go and return, one at a time, until the time is over.
class Changes {
  public:
    Changes(Observed& observed, const Options& options) : observed_(observed), options_(options) {}
    void until(Clock::time_point end) {
        while (Clock::now() < end) {
            if (Clock::now() >= next_) {
                next_ += std::chrono::seconds(options_.change_every);
                const unsigned number = 1 + count_ / 2 % options_.backends;
                observed_.reload(count_++ % 2 == 0 ? number : 0);
            }
            note();
            std::this_thread::sleep_for(between_looks);
        }
    }
    [[nodiscard]] const Counts& most() const { return most_; }

  private:
    void note() {
        const Counts now = observed_.counts();
        most_.lag = std::max(most_.lag, now.lag);
        most_.waiting = std::max(most_.waiting, now.waiting);
        most_.entries = std::max(most_.entries, now.entries);
        most_.memory = std::max(most_.memory, now.memory);
    }

    Observed& observed_;
    const Options& options_;
    Clock::time_point next_ = Clock::now();
    unsigned count_ = 0;
    Counts most_;
};

ordered_json steady(const Options& options) {
    Observed observed(options);
    const Others others(observed.others(), options.balancers - 1, observed.key());
    observed.start();
    await("all peers are up", [&] {
        try {
            return observed.counts().peers == options.balancers - 1;
        } catch (const std::runtime_error&) {
            return false;  // it does not listen yet
        }
    });
    const Clients clients(observed.clients(), "eth0", options.connections / options.balancers,
                          std::chrono::seconds(options.lifetime));
    const auto begin = Clock::now();
    Changes changes(observed, options);
    changes.until(begin + std::chrono::seconds(options.measure_from));
    const Counts before = observed.counts();
    changes.until(begin + std::chrono::seconds(options.seconds));
    const Counts after = observed.counts();
    const double time = options.seconds - options.measure_from;
    const double peers = options.balancers - 1;
    const auto rate = [&](auto Counts::*of) { return static_cast<double>(after.*of - before.*of) / time; };
    const double moving = observed.moving();
    observed.stop();
    fmt::print("slots with a former backend                {:>12.1f} %\n", 100 * moving);
    fmt::print("records a second to each peer              {:>12.0f}\n", rate(&Counts::records_out) / peers);
    fmt::print("records a second from all peers            {:>12.0f}\n", rate(&Counts::records_in));
    fmt::print("bytes a second to each peer                {:>12.0f}\n", rate(&Counts::bytes_out) / peers);
    fmt::print("bytes a second from all peers              {:>12.0f}\n", rate(&Counts::bytes_in));
    fmt::print("processor time of lbd, of one processor    {:>12.1f} %\n", 100 * rate(&Counts::processor));
    fmt::print("memory of lbd without the maps             {:>12} MiB\n", changes.most().memory >> 20);
    fmt::print("entries in use                             {:>12}\n", changes.most().entries);
    fmt::print("packets that could not be sent             {:>12}\n", clients.unsent());
    fmt::print("longest lag seen                           {:>12} ms\n", changes.most().lag.count());
    fmt::print("messages not taken in yet, most            {:>12}\n", changes.most().waiting);
    return {{"slots_with_former", moving},
            {"records_per_second_to_each", rate(&Counts::records_out) / peers},
            {"records_per_second_from_all", rate(&Counts::records_in)},
            {"bytes_per_second_to_each", rate(&Counts::bytes_out) / peers},
            {"bytes_per_second_from_all", rate(&Counts::bytes_in)},
            {"processors", rate(&Counts::processor)},
            {"memory", changes.most().memory},
            {"entries", changes.most().entries},
            {"unsent", clients.unsent()},
            {"lag_ms", changes.most().lag.count()},
            {"waiting", changes.most().waiting}};
}

/// How long it takes until one that starts knows what a peer has told.
ordered_json join(const Options& options) {
    Options pair = options;
    pair.balancers = 2;
    Observed observed(pair);
    observed.start();
    await("lbd runs", [&] {
        try {
            return observed.counts().peers == 0;
        } catch (const std::runtime_error&) {
            return false;
        }
    });
    const Others others(observed.others(), 1, observed.key(), options.joined);
    Clock::time_point begin;
    await("it has the first records", [&] {
        begin = Clock::now();
        return observed.counts().records_in != 0;
    });
    const Counts first = observed.counts();
    await("it has all records", [&] {
        const Counts now = observed.counts();
        return now.records_in == options.joined && now.waiting == 0;
    });
    const double took = seconds(Clock::now() - begin);
    const Counts last = observed.counts();
    observed.stop();
    fmt::print("one that joins has {} records after    {:>8.2f} s, {} of them when the clock began\n", options.joined,
               took, first.records_in);
    return {{"records", options.joined}, {"seconds", took}, {"entries", last.entries}};
}

ordered_json measure(const Options& options) {
    fmt::print("{} balancers, {} new connections a second, {} backends, a change each {} s, idle {} s\n",
               options.balancers, options.connections, options.backends, options.change_every, options.idle);
    std::fflush(stdout);
    ordered_json joined = join(options);
    std::fflush(stdout);
    return {{"join", std::move(joined)}, {"steady", steady(options)}};
}

}  // namespace
}  // namespace culvert::bench::sharing

int main(int argc, char** argv) {
    culvert::bench::sharing::Options options;
    CLI::App app("What one balancer of many pays for sharing connections.", "bench_sharing");
    app.add_option("--balancers", options.balancers)->check(CLI::Range(2, 200));
    app.add_option("--connections", options.connections, "new ones a second, on all balancers");
    app.add_option("--backends", options.backends)->check(CLI::Range(2, 1000));
    app.add_option("--entries", options.entries, "of the flow table, in lbd's notation");
    app.add_option("--change-every", options.change_every, "seconds: a backend goes or returns")
        ->check(CLI::PositiveNumber);
    app.add_option("--idle", options.idle, "seconds");
    app.add_option("--lifetime", options.lifetime, "of a connection, seconds");
    app.add_option("--seconds", options.seconds, "in all");
    app.add_option("--measure-from", options.measure_from, "seconds that are not measured");
    app.add_option("--joined", options.joined, "records that one who joins gets");
    return culvert::bench::run(app, argc, argv, [&] { return culvert::bench::sharing::measure(options); });
}
