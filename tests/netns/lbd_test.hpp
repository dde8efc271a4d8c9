// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <csignal>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "tests/netns/harness/default_offloads.hpp"
#include "tests/netns/harness/json_output.hpp"
#include "tests/netns/harness/netns_test.hpp"

namespace culvert::netns {

inline constexpr const char* vip4 = "192.0.2.1";
inline constexpr const char* vip6 = "2001:db8::1";

/// Runs lbd on a host until it is stopped or goes out of scope.
class Balancer {
  public:
    /// Returns when it balances.
    Balancer(const Host& host, std::string_view config) : Balancer(host, config, "balancing") {}
    Balancer(const Host& host, std::string_view config, std::string_view wait_for,
             std::string_view command = CULVERT_LBD " run -c /run/lbd.yaml")
        : host_(host), process_(start(host, config, command)) {
        process_.wait_for(wait_for);
    }

    [[nodiscard]] std::string log() const { return process_.err(); }
    /// How often the log contains these words.
    [[nodiscard]] std::size_t said(const std::string& words) const {
        return static_cast<std::size_t>(count(log(), words));
    }
    /// The program in the kernel keeps balancing; CULVERT_LBD " stop --detach" removes it.
    Output stop(int signal = SIGTERM) { return process_.stop(signal); }
    Output wait() { return process_.wait(); }
    [[nodiscard]] pid_t pid() const { return process_.pid(); }
    void signal(int number) const { ::kill(process_.pid(), number); }
    /// Reloads with another configuration.
    void reload(std::string_view config) const {
        host_.write("/run/lbd.yaml", config);
        host_.must(CULVERT_LBD " reload");
    }

    /// As `lbd show --json` prints it. No program is started, as tests ask again and again.
    [[nodiscard]] nlohmann::json show(const std::string& what) const {
        const std::string request = fmt::format(R"({{"command": "show", "what": "{}"}})", what);
        const std::string answer = answer_at(host_, "/run/culvert/lbd/lbd.sock", request);
        nlohmann::json shown = nlohmann::json::parse(answer).value("ok", nlohmann::json());
        if (shown.is_null()) throw std::runtime_error(answer);
        compare_with_reference({CULVERT_LBD, "show", what, "--json"}, shown.dump());
        return shown;
    }
    /// The entry of a backend in `show backends`.
    [[nodiscard]] nlohmann::json backend(const std::string& name) const {
        for (const auto& backend : show("backends"))
            if (backend["name"] == name) return backend;
        return {};
    }
    [[nodiscard]] bool reaches(const std::string& backend_name) const { return backend(backend_name).contains("mac"); }
    [[nodiscard]] std::uint64_t dropped(const std::string& reason) const {
        const auto counters = show("counters");
        for (const auto& counter : counters["dropped"])
            if (counter["reason"] == reason) return counter["packets"];
        throw std::runtime_error("no such reason: " + reason);
    }
    [[nodiscard]] std::uint64_t counted(const std::string& event) const {
        const auto counters = show("counters");
        for (const auto& counter : counters["events"])
            if (counter["event"] == event) return counter["count"];
        throw std::runtime_error("no such event: " + event);
    }

  private:
    static Process start(const Host& host, std::string_view config, std::string_view command) {
        host.write("/run/lbd.yaml", config);
        return host.spawn(command);
    }

    const Host& host_;
    Process process_;
};

//   client ───┐
//  10.0.0.1   │
//  fd00::1    │
//   balancer ─┼── switch, and further backends
//  10.0.0.2   │
//  fd00::2    │
//   backend ──┘
//  10.0.0.3, fd00::3
class LanTest : public NetnsTest {
  protected:
    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        lan_.emplace();
        client_.emplace("client");
        balancer_.emplace("balancer");
        backend_.emplace("backend");
        lan_->connect({{*client_, "eth0", {"10.0.0.1/24", "fd00::1/64"}},
                       {*balancer_, "eth0", {"10.0.0.2/24", "fd00::2/64"}},
                       {*backend_, "eth0", {"10.0.0.3/24", "fd00::3/64"}}});
    }

    /// Hosts leave checksums unfinished as the kernel does by default; generic XDP must handle them.
    void use_default_offloads_everywhere() {
        for (const Host* host : {&*client_, &*balancer_, &*backend_}) use_default_offloads(*host, {"eth0"});
        use_default_offloads(lan_->host(), {"client-eth0", "balancer-eth0", "backend-eth0"});
    }

    Switch& lan() { return *lan_; }
    const Host& client() { return *client_; }
    const Host& balancer() { return *balancer_; }
    const Host& backend() { return *backend_; }

  private:
    std::optional<Switch> lan_;
    std::optional<Host> client_;
    std::optional<Host> balancer_;
    std::optional<Host> backend_;
};

// The same with VIPs on the backend's lo.
class LbdTest : public LanTest {
  protected:
    void SetUp() override {
        LanTest::SetUp();
        if (IsSkipped()) return;
        backend().ip(fmt::format("addr add {}/32 dev lo\naddr add {}/128 dev lo\n", vip4, vip6));
        // The client's packets leave room for every encapsulation.
        client().ip(
            fmt::format("link set eth0 mtu 1400\nroute add {} via 10.0.0.2\nroute add {} via fd00::2\n", vip4, vip6));
    }
};

//   client ── switch ── eth0 balancer eth1 ── far ── server 10.9.0.3, fd09::3
//     └──────────────────────────────────────┘
/// A backend behind another interface of the balancer. Its answers reach clients through theirs.
class FarServer {
  public:
    FarServer(const Host& client, const Host& balancer) : far_("far"), server_("server") {
        far_.connect(
            {{client, "eth1", {"10.9.0.1/24", "fd09::1/64"}}, {server_, "eth0", {"10.9.0.3/24", "fd09::3/64"}}});
        connect(balancer);
        client.must("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0");  // answers arrive at it
        server_.ip(
            "addr add 192.0.2.1/32 dev lo\naddr add 2001:db8::1/128 dev lo\n"
            "route add default via 10.9.0.1\nroute add default via fd09::1\n"
            "route add 10.0.0.2 via 10.9.0.2\n");  // to the source of health checks
        web_.emplace(server_, "server");
    }

    /// Through the balancer's eth1.
    void connect(const Host& balancer) { far_.connect({{balancer, "eth1", {"10.9.0.2/24", "fd09::2/64"}}}); }

    [[nodiscard]] const Host& host() const { return server_; }
    [[nodiscard]] const Switch& network() const { return far_; }

  private:
    Switch far_;
    Host server_;
    std::optional<HttpServer> web_;
};

}  // namespace culvert::netns
