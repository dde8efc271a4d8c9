// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "lbd/model/health.hpp"
#include "lbd/model/hops.hpp"
#include "lbd/model/service.hpp"

/// Random histories of a service and of connections to it, and a reference that knows where each connection must go.
/// Whatever balances runs them: see System.
namespace culvert::track {

using lbd::Backend, lbd::BackendState, lbd::Service;

/// The state of a service with up to `most_backends` backends.
struct World {
    static constexpr unsigned most_backends = 6;
    struct One {
        bool present = true;
        bool up = true;
        BackendState state = BackendState::active;
        std::uint16_t weight = 1;
        unsigned name = 0;  ///< 0: as its address
    };
    One backends[most_backends];
    unsigned names = 0;  ///< given so far
    unsigned service_name = 0;
    std::uint32_t table_size = 101;
    bool sticky = false;
    lbd::Track track = lbd::Track::just_enough;
    /// Where packets to 192.0.2.1, port 80, are: in the service, which has the port, all ports or a network; or in one
    /// with the same backends that is beside it.
    static constexpr unsigned shapes = 6;
    unsigned shape = 0;
    lbd::Protocol protocol = lbd::Protocol::tcp;

    [[nodiscard]] bool is_alive(unsigned index) const { return backends[index].present && backends[index].up; }
    [[nodiscard]] bool takes_new(unsigned index) const {
        const One& one = backends[index];
        return is_alive(index) && one.state == BackendState::active && one.weight > 0;
    }
    [[nodiscard]] static std::string address(unsigned index) { return fmt::format("10.0.0.{}", index + 1); }
    [[nodiscard]] std::string name(unsigned index) const {
        const unsigned name = backends[index].name;
        return name == 0 ? address(index) : fmt::format("r{}", name);
    }
    [[nodiscard]] std::string name() const { return fmt::format("web{}", service_name); }

    [[nodiscard]] bool is_beside() const { return shape >= 4; }
    [[nodiscard]] std::vector<Service> services() const {
        constexpr const char* vips[shapes] = {"192.0.2.1",    "192.0.2.1",    "192.0.2.0/28",
                                              "192.0.2.0/27", "192.0.2.0/28", "192.0.2.1"};
        const bool all_ports = shape == 1 || shape == 3 || shape == 5;
        std::vector<Service> services{
            service(name(), vips[shape], {protocol, static_cast<std::uint16_t>(all_ports ? 0 : 80)})};
        if (is_beside()) services.push_back(service(beside, "192.0.2.1", {protocol, 80}));
        return services;
    }
    static constexpr const char* beside = "beside";

    [[nodiscard]] Service service(const std::string& name, const char* vip, const lbd::PortSpec& port) const {
        Service service{.name = name,
                        .vip = *netlink::Prefix::parse(vip),
                        .ports = {port},
                        .table_size = table_size,
                        .sticky = sticky,
                        .track = track,
                        .health = lbd::HealthCheck{},
                        .backends = {}};
        for (unsigned index = 0; index < most_backends; ++index)
            if (backends[index].present)
                service.backends.push_back({.name = this->name(index),
                                            .address = *netlink::IpAddress::parse(address(index)),
                                            .encap = lbd::L2{},
                                            .weight = backends[index].weight,
                                            .state = backends[index].state});
        return service;
    }
    [[nodiscard]] lbd::Health health() const {
        lbd::Health health;
        for (unsigned index = 0; index < most_backends; ++index)
            if (backends[index].present && !backends[index].up)
                for (const std::string& service : {name(), std::string(beside)})
                    health[{service, name(index)}] = {.up = false};
        return health;
    }
    /// Backend `index` has the MAC address 02:00:00:00:01:index.
    [[nodiscard]] static lbd::Hops hops() {
        lbd::Hops hops;
        for (unsigned index = 0; index < most_backends; ++index)
            hops[*netlink::IpAddress::parse(address(index))] =
                lbd::NextHop{.ifindex = 1,
                             .source = {{2, 0, 0, 0, 0, 2}},
                             .destination = {{2, 0, 0, 0, 1, static_cast<std::uint8_t>(index)}},
                             .from = *netlink::IpAddress::parse("10.0.0.100")};
        return hops;
    }
};

enum class Segment : std::uint8_t { syn, data, fin };

/// What balances.
class System {
  public:
    System() = default;
    System(const System&) = delete;
    System& operator=(const System&) = delete;
    virtual ~System() = default;

    virtual void change(const World& world) = 0;
    /// The index of the backend that gets the packet of a connection, if any.
    virtual std::optional<unsigned> send(std::uint32_t connection, Segment segment) = 0;
    /// One round of the sweep, `ticks` units of flow time after the last one.
    virtual void sweep(std::uint16_t ticks) = 0;
    virtual void sample(unsigned shift) = 0;
    /// Another process continues with what it finds in the maps.
    virtual void restart() = 0;
    [[nodiscard]] virtual bool has_transition() const = 0;
};
inline constexpr std::uint16_t idle_ticks = 4;

struct Step {
    enum Kind : std::uint8_t { packet, close, junk, backend, table, mode, rename, ports, sweep, sample, restart } kind;
    std::uint32_t a = 0;
    std::uint32_t b = 0;

    [[nodiscard]] std::string text() const {
        constexpr const char* names[] = {"packet", "close", "junk",  "backend", "table",  "mode",
                                         "rename", "ports", "sweep", "sample",  "restart"};
        return fmt::format("{{{} {} {}}}", names[kind], a, b);
    }
};
using History = std::vector<Step>;

inline constexpr std::uint32_t connections = 60;

/// `modes`: also services that become sticky, track all flows or none.
inline History random_history(std::uint64_t seed, std::size_t length, bool modes = true) {
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint32_t end) { return static_cast<std::uint32_t>(random() % end); };
    History history;
    // Some histories are calm, some are nothing but changes.
    const std::uint32_t changes = 1 + below(12);
    while (history.size() < length) {
        const std::uint32_t draw = below(100);
        if (draw < changes)
            history.push_back({Step::backend, below(World::most_backends), below(8)});
        else if (draw < changes + 1 && below(4) == 0)
            history.push_back({Step::table, below(3)});
        else if (draw < changes + 2 && modes && below(4) == 0)
            history.push_back({Step::mode, below(4)});
        else if (draw < changes + 3 && below(2) == 0)
            history.push_back({Step::rename, below(World::most_backends), below(64)});
        else if (draw < changes + 4 && below(4) == 0)
            history.push_back({Step::ports, below(World::shapes), below(64)});
        else if (draw < changes + 6)
            history.push_back({Step::sweep, below(4) == 0 ? below(8) : below(2)});
        else if (draw < changes + 7)
            history.push_back({Step::sample, below(3)});
        else if (draw < changes + 8)
            history.push_back({Step::restart});
        else if (draw < changes + 11)
            history.push_back({Step::close, below(connections)});
        else if (draw < changes + 13)
            history.push_back({Step::junk, below(1000)});
        else
            history.push_back({Step::packet, below(connections)});
    }
    return history;
}

/// Runs a history, and compares each packet with where it must go. Returns the first fault.
class Reference {
  public:
    explicit Reference(System& system) : system_(system) { system_.change(world_); }

    std::optional<std::string> run(const History& history) {
        for (std::size_t i = 0; i < history.size(); ++i)
            if (auto fault = run(history[i])) return fmt::format("step {} {}: {}", i, history[i].text(), *fault);
        return std::nullopt;
    }

  private:
    struct Connection {
        unsigned backend = 0;
        bool is_free = false;                       ///< its next packet may go to any backend
        std::optional<std::uint32_t> silent_since;  ///< in a transition; absent: there is none
    };

    std::optional<std::string> run(const Step& step) {
        switch (step.kind) {
            case Step::packet:
                return known_.contains(step.a) ? goes_on(step.a, Segment::data) : opens(step.a);
            case Step::close: {
                if (!known_.contains(step.a)) return std::nullopt;
                auto fault = goes_on(step.a, Segment::fin);
                known_.erase(step.a);
                return fault;
            }
            case Step::junk:
                (void)system_.send(1000 + step.a, Segment::data);
                return std::nullopt;
            case Step::sweep:
                tick_ += step.a;
                system_.sweep(static_cast<std::uint16_t>(step.a));
                return std::nullopt;
            case Step::sample:
                system_.sample(step.a == 0 ? 0 : step.a == 1 ? 2 : 12);
                return std::nullopt;
            case Step::restart:
                system_.restart();
                return std::nullopt;
            case Step::backend:
                turn(world_.backends[step.a], step.b);
                break;
            case Step::table: {
                constexpr std::uint32_t sizes[] = {101, 103, 211};
                world_.table_size = sizes[step.a];
                break;
            }
            case Step::mode:
                world_.sticky = step.a == 1;
                world_.track = step.a == 2 ? lbd::Track::all : lbd::Track::just_enough;
                break;
            case Step::rename:
                rename(step.a, step.b);
                break;
            case Step::ports:
                // Connections of a service that is removed are lost.
                if (world_.is_beside() && step.a < 4) return std::nullopt;
                world_.shape = step.a;
                if ((step.b & 8) != 0) turn(world_.backends[step.b % World::most_backends], step.b % 8);
                break;
        }
        system_.change(world_);
        for (auto& [number, connection] : known_) {
            connection.is_free |= !world_.backends[connection.backend].present;
            if (!connection.silent_since) connection.silent_since = tick_;
        }
        return std::nullopt;
    }

    static void turn(World::One& one, std::uint32_t how) {
        if (how < 2)
            one.up = !one.up;
        else if (how < 5)
            one.state = one.state == BackendState::active ? BackendState::drain : BackendState::active;
        else if (how < 6)
            one.present = !one.present;
        else
            one.weight = static_cast<std::uint16_t>((one.weight + how) % 4);
    }

    /// One backend gets a new name or that of another, and perhaps the service and the state of a third changes.
    void rename(unsigned index, std::uint32_t how) {
        World::One& one = world_.backends[index];
        World::One& other = world_.backends[how % World::most_backends];
        if ((how & 8) == 0)
            one.name = ++world_.names;
        else
            std::swap(one.name, other.name);
        if ((how & 16) != 0) world_.service_name = ++world_.names;
        if ((how & 32) != 0) turn(other, how % 8);
    }

    std::optional<std::string> opens(std::uint32_t number) {
        const auto to = system_.send(number, Segment::syn);
        bool any = false;
        for (unsigned index = 0; index < World::most_backends; ++index) any |= world_.takes_new(index);
        if (!to) return any ? std::optional<std::string>("a new connection is dropped") : std::nullopt;
        // The flow table may still know the ports of an earlier connection, of whose end it has not heard.
        const bool is_right = used_.insert(number).second ? world_.takes_new(*to) : world_.is_alive(*to);
        if (!is_right) return fmt::format("a new connection goes to backend {}", *to);
        known_[number] = seen(*to);
        known_[number].is_free = world_.sticky;  // its next packet makes the entry
        return std::nullopt;
    }

    std::optional<std::string> goes_on(std::uint32_t number, Segment segment) {
        Connection& connection = known_.at(number);
        const auto to = system_.send(number, segment);
        const bool is_lost = !world_.is_alive(connection.backend) ||
                             (connection.silent_since && tick_ - *connection.silent_since > idle_ticks);
        if (!is_lost && !connection.is_free && to != connection.backend)
            return fmt::format("is at backend {}, goes to {}, silent since {} at {}", connection.backend,
                               to ? std::to_string(*to) : "none", connection.silent_since.value_or(0), tick_);
        if (to && !world_.is_alive(*to)) return fmt::format("goes to backend {}, which is down", *to);
        // A client that loses its connection opens it again.
        if (to && !is_lost && (!connection.is_free || world_.sticky))
            connection = seen(*to);
        else
            known_.erase(number);
        return std::nullopt;
    }

    [[nodiscard]] Connection seen(unsigned backend) const {
        // A sticky service forgets who is silent.
        const bool ends = system_.has_transition() || world_.sticky;
        return {.backend = backend, .silent_since = ends ? std::optional(tick_) : std::nullopt};
    }

    System& system_;
    World world_;
    std::uint32_t tick_ = 0;
    std::map<std::uint32_t, Connection> known_;
    std::set<std::uint32_t> used_;  // connections that were opened
};

using MakeSystem = std::function<std::unique_ptr<System>()>;

inline std::optional<std::string> fault_of(const History& history, const MakeSystem& make) {
    try {
        const auto system = make();
        return Reference(*system).run(history);
    } catch (const std::exception& error) {
        return fmt::format("{} was thrown", error.what());
    }
}

/// A shorter history with a fault: parts are left out, halves first.
inline History shrunk(History history, const MakeSystem& make) {
    for (std::size_t part = history.size() / 2; part > 0; part /= 2)
        for (std::size_t at = 0; at + part <= history.size();) {
            History shorter(history.begin(), history.begin() + static_cast<std::ptrdiff_t>(at));
            shorter.insert(shorter.end(), history.begin() + static_cast<std::ptrdiff_t>(at + part), history.end());
            if (fault_of(shorter, make))
                history = std::move(shorter);
            else
                at += part;
        }
    return history;
}

/// The fault of a random history, with the shortest history that has one; empty: there is none.
inline std::string fault_of_random(std::uint64_t seed, std::size_t length, const MakeSystem& make, bool modes = true) {
    const History history = random_history(seed, length, modes);
    const auto fault = fault_of(history, make);
    if (!fault) return {};
    const History least = shrunk(history, make);
    std::string text = fmt::format("seed {}: {}; in short: {}\n", seed, *fault, fault_of(least, make).value_or("none"));
    for (const Step& step : least) text += step.text();
    return text;
}

}  // namespace culvert::track
