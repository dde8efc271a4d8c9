// SPDX-License-Identifier: Apache-2.0
//
// Clients get the MSS even if the backend translates packets for the VIP.
//
//   client ────── backend, VIPs on lo ────── container
//  10.0.0.1      10.0.0.3      10.1.0.1     10.1.0.2
//  fd00::1       fd00::3       fd01::1      fd01::2
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <string>

#include "tests/netns/harness/netns_test.hpp"

namespace culvert::netns {
namespace {

using testing::Each;
using testing::HasSubstr;

class RealserverMss : public NetnsTest {
  protected:
    static constexpr const char* vip4 = "192.0.2.1";
    static constexpr const char* vip6 = "2001:db8::1";

    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        client_.emplace("client");
        backend_.emplace("backend");
        container_.emplace("container");
        connect({*client_, "eth0", {"10.0.0.1/24", "fd00::1/64"}}, {*backend_, "eth0", {"10.0.0.3/24", "fd00::3/64"}});
        connect({*backend_, "docker0", {"10.1.0.1/24", "fd01::1/64"}},
                {*container_, "eth0", {"10.1.0.2/24", "fd01::2/64"}});
        client_->ip(fmt::format("route add {} via 10.0.0.3\nroute add {} via fd00::3\n", vip4, vip6));
        container_->ip("route add default via 10.1.0.1\nroute add default via fd01::1\n");
        backend_->set_sysctl("net.ipv4.ip_forward", "1");
        backend_->set_sysctl("net.ipv6.conf.all.forwarding", "1");
        backend_->write("/run/realserver.yaml",
                        "vips: [192.0.2.1, '2001:db8::1']\nreceive: [{encap: l2}]\nmss: 1300\n");
        backend_->must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    }

    /// The MSS that the client receives when it connects, over either family.
    void expect_clamped(const std::string& page) {
        Capture capture(*client_, "eth0", "src host 192.0.2.1 or src host 2001:db8::1");
        for (const char* vip : {vip4, vip6}) EXPECT_EQ(http_get(*client_, vip), page + "\n");
        const auto told = capture.stop().lines("tcp[tcpflags] & tcp-syn != 0 or ip6[53] & 2 != 0");
        EXPECT_EQ(told.size(), 2U);
        EXPECT_THAT(told, Each(HasSubstr("mss 1300,")));
    }

    void translate(const std::string& rules) const {
        backend_->must("nft -f -", fmt::format("table inet nat {{\nchain c {{\n"
                                               "type nat hook prerouting priority dstnat;\n{}\n}}\n}}\n",
                                               rules));
    }

    [[nodiscard]] const Host& backend() const { return *backend_; }
    [[nodiscard]] const Host& container() const { return *container_; }

  private:
    std::optional<Host> client_, backend_, container_;
};

TEST_F(RealserverMss, IsToldByTheServiceItself) {
    const HttpServer web(backend(), "backend");
    expect_clamped("backend");
}

TEST_F(RealserverMss, IsToldThroughARedirection) {
    const HttpServer web(backend(), "redirected", {}, 8080);
    translate("tcp dport 80 redirect to :8080");
    expect_clamped("redirected");
}

TEST_F(RealserverMss, IsToldForAContainer) {
    const HttpServer web(container(), "container");
    translate(
        "ip daddr 192.0.2.1 tcp dport 80 dnat ip to 10.1.0.2\n"
        "ip6 daddr 2001:db8::1 tcp dport 80 dnat ip6 to fd01::2");
    expect_clamped("container");
}

}  // namespace
}  // namespace culvert::netns
