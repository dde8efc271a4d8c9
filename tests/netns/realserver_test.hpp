// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>

#include "tests/netns/harness/netns_test.hpp"

/// A host that realserver configures, and another next to it.
namespace culvert::netns {

struct Configuration {
    std::string name;
    std::string yaml;
    bool operator==(const Configuration&) const = default;
};
inline std::ostream& operator<<(std::ostream& stream, const Configuration& configuration) {
    return stream << configuration.yaml;
}

inline const Configuration everything{"everything", R"(
balancers: [10.0.0.1, "fd00::/64"]
vips: [192.0.2.1, 2001:db8::1, 198.51.100.0/28, "2001:db8:1::/64"]
receive:
  - {encap: ipip}
  - {encap: gre}
  - {encap: fou, port: 5004, inner: ipv4}
  - {encap: fou, port: 5006, inner: ipv6, family: ipv6}
  - {encap: fou, port: 5047, inner: gre, local: 10.0.0.3}
  - {encap: gue, port: 5080}
  - {encap: geneve, vni: 666}
  - {encap: l3dsr, dscp: 2, vip: 192.0.2.1}
  - {encap: l3dsr, dscp: 2, vip: 2001:db8::1}
  - {encap: l2}
tunnels:
  - {name: lb1, type: gretap, local: 10.0.0.3, remote: 10.0.0.1, encap: {type: fou, sport: 5555, dport: 5555}}
  - {name: lb2, type: ip6gre, local: "fd00::3", remote: "fd00::1", key: 7, encap: {type: gue, sport: auto, dport: 5080}}
)"};

/// The modules that `everything` needs.
inline constexpr std::array modules{"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6", "geneve"};

inline const Configuration without_modules{"without_modules", R"(
vips: [192.0.2.1, 2001:db8::1, 198.51.100.0/28, "2001:db8:1::/64"]
receive:
  - {encap: l3dsr, dscp: 2, vip: 192.0.2.1}
  - {encap: l3dsr, dscp: 2, vip: 2001:db8::1}
  - {encap: l2}
)"};

class Realserver : public NetnsTest {
  protected:
    /// After loading the modules: they bring devices. Each is up for a moment, because a device that was up once keeps
    /// a queue, and IPv6.
    void build() {
        other_.emplace("other");
        host_.emplace("host");
        connect({*other_, "eth0", {"10.0.0.1/24", "fd00::1/64"}}, {*host_, "eth0", {"10.0.0.3/24", "fd00::3/64"}});
        // The kernel reports a carrier with a delay. Nothing may change by itself once a test has begun.
        EXPECT_TRUE(eventually([&] { return host_->read("/sys/class/net/eth0/operstate") == "up\n"; }));
        std::string lines;
        host_->within([&] {
            for (const char* device : {"tunl0", "sit0", "ip6tnl0", "gre0", "ip6gre0"})
                if (std::filesystem::exists(fmt::format("/sys/class/net/{}", device)))
                    lines += fmt::format("link set {0} up\nlink set {0} down\n", device);
        });
        if (!lines.empty()) host_->ip(lines);
    }

    Output realserver(const std::string& arguments) {
        return host_->run(CULVERT_REALSERVER " " + arguments + " -c /run/realserver.yaml");
    }

    void configure(const std::string& yaml) { host_->write("/run/realserver.yaml", yaml); }

    const Host& host() { return *host_; }

  private:
    std::optional<Host> other_, host_;
};

/// With all modules, or without any.
class RealserverWith : public Realserver, public testing::WithParamInterface<Configuration> {
  protected:
    void SetUp() override {
        Realserver::SetUp();
        if (IsSkipped()) return;
        if (GetParam() == everything)
            for (const char* module : modules) REQUIRE_MODULE(module);
        build();
        configure(GetParam().yaml);
    }
};

}  // namespace culvert::netns
