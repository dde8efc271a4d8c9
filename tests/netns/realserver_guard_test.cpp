// SPDX-License-Identifier: Apache-2.0
//
// The guard under attack. The attacker sits next to the balancer and sends packets that scapy has made
// (guard/arsenal.py).
//
//   attacker ── switch ── eth0 backend eth1 ── outside
//  10.0.0.9         10.0.0.3, fd00::3  10.0.5.3   10.0.5.6
//  fd00::9        VIPs 192.0.2.1 and 2001:db8::1
//
// There is no balancer: the attacker plays one, 10.0.0.2 and fd00::2. Every packet of interest carries a datagram to
// port 7777, where nobody listens. The backend's UDP counts the datagrams that reach it on any path (UdpNoPorts). The
// backend forwards packets, and those arrive outside.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <sstream>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "tests/netns/harness/netns_test.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAreArray;

/// An IP packet from its hexadecimal text, in an Ethernet frame.
std::string frame(const std::string& packet, const std::array<std::uint8_t, 6>& from,
                  const std::array<std::uint8_t, 6>& to) {
    std::string bytes(to.begin(), to.end());
    bytes.append(from.begin(), from.end()).append(packet.front() == '4' ? std::string("\x08\0", 2) : "\x86\xdd");
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    for (std::size_t i = 0; i + 1 < packet.size(); i += 2)
        bytes += static_cast<char>(digit(packet[i]) << 4 | digit(packet[i + 1]));
    return bytes;
}

class Guard : public NetnsTest {
  protected:
    void build() {
        attacker_.emplace("attacker");
        backend_.emplace("backend");
        outside_.emplace("outside");
        lan_.emplace();
        lan_->connect(
            {{*attacker_, "eth0", {"10.0.0.9/24", "fd00::9/64"}}, {*backend_, "eth0", {"10.0.0.3/24", "fd00::3/64"}}});
        connect({*backend_, "eth1", {"10.0.5.3/24", "fd05::3/64"}}, {*outside_, "eth0", {"10.0.5.6/24", "fd05::6/64"}});
        for (const char* device : {"all", "default", "eth0", "eth1"})  // only the guard decides about sources
            backend_->set_sysctl(fmt::format("net.ipv4.conf.{}.rp_filter", device), "0");
        backend_->ip("route add default via 10.0.0.9\nroute add default via fd00::9\n");
        backend_->set_sysctl("net.ipv4.ip_forward", "1");
        backend_->set_sysctl("net.ipv6.conf.all.forwarding", "1");
        packets_ = json::parse(attacker_->read(CULVERT_ARSENAL));
    }

    void provision(const std::string& policy, const std::string& more = "") const {
        backend_->write("/run/realserver.yaml", fmt::format(R"(
balancers: [10.0.0.2, 'fd00::2']
vips: [192.0.2.1, '2001:db8::1']
receive:
  - {{encap: ipip}}
  - {{encap: gre}}
  - {{encap: fou, port: 5004, inner: ipv4}}
  - {{encap: fou, port: 5006, inner: ipv6}}
  - {{encap: fou, port: 5047, inner: gre}}
  - {{encap: gue, port: 5080}}
  - {{encap: gue, port: 5080, inner: gre}}
  - {{encap: geneve, vni: 666}}
guard: {}
{})",
                                                            policy, more));
        backend_->must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    }

    void send(const Host& from, const std::vector<std::string>& groups, const std::array<std::uint8_t, 6>& to) const {
        from.within([&] {
            const FileDescriptor wire(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
            ifreq device{.ifr_ifrn = {"eth0"}, .ifr_ifru = {}};
            ASSERT_EQ(ioctl(wire.get(), SIOCGIFHWADDR, &device), 0) << strerror(errno);
            std::array<std::uint8_t, 6> own{};
            std::copy_n(device.ifr_hwaddr.sa_data, own.size(), own.begin());
            sockaddr_ll by{};
            by.sll_family = AF_PACKET;
            by.sll_ifindex = static_cast<int>(if_nametoindex("eth0"));
            for (const std::string& group : groups)
                for (const std::string packet : packets_.at(group)) {
                    const std::string bytes = frame(packet, own, to);
                    ASSERT_EQ(sendto(wire.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&by),
                                     sizeof by),
                              static_cast<ssize_t>(bytes.size()))
                        << strerror(errno);
                }
        });
    }
    void send(const std::string& group) const { send(std::vector{group}); }
    void send(const std::vector<std::string>& groups) const { send(*attacker_, groups, {2, 0, 10, 0, 0, 3}); }

    /// Packets by reason, from status; reasons without packets are left out.
    [[nodiscard]] std::map<std::string, int> caught() const {
        std::map<std::string, int> result;
        const auto status = json::parse(backend_->must(CULVERT_REALSERVER " status -j -c /run/realserver.yaml"));
        for (const auto& row : status.at("guard").at("caught"))
            if (row.at("packets") != 0) result[row.at("reason")] = row.at("packets");
        return result;
    }

    /// Datagrams to the port where nobody listens, over either family, since the last call. Those that are on their way
    /// are waited for: a busy kernel takes them from its queues later.
    [[nodiscard]] int arrived() {
        int total = received(), before = -1;
        while (std::exchange(before, total) != total) {
            std::this_thread::sleep_for(std::chrono::milliseconds(300));
            total = received();
        }
        return total - std::exchange(seen_, total);
    }

    /// The output of a command; its exit status is ignored.
    [[nodiscard]] json said(const std::string& command) const {
        return json::parse(backend_->run(CULVERT_REALSERVER " " + command + " -j -c /run/realserver.yaml").out);
    }

    [[nodiscard]] int size(const std::string& group) const { return static_cast<int>(packets_.at(group).size()); }
    [[nodiscard]] const Host& backend() const { return *backend_; }
    [[nodiscard]] const Host& outside() const { return *outside_; }

  private:
    [[nodiscard]] int received() const {
        // /proc/net/snmp has a line of names and a line of values, snmp6 a name and a value in each line.
        const std::string four = backend_->read("/proc/thread-self/net/snmp");
        const std::string six = backend_->read("/proc/thread-self/net/snmp6");
        std::istringstream values(four.substr(four.rfind("\nUdp: ") + 6));
        int datagrams = 0;
        int total = 0;
        values >> datagrams >> total;
        return total + std::stoi(six.substr(six.find("Udp6NoPorts") + 11, 40));
    }

    std::optional<Host> attacker_, backend_, outside_;
    std::optional<Switch> lan_;
    json packets_;
    int seen_ = 0;
};

TEST_F(Guard, LetsNothingThroughButBalancersPacketsToVips) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6", "geneve"})
        REQUIRE_MODULE(module);
    build();
    // The reason and the count for each attack. The guard sees the reassembled packet of IPv4 fragments.
    const std::map<std::string, int> attacks{
        {"stranger", 32}, {"no_vip", 15}, {"bad_source", 11}, {"nested", 9}, {"bad_header", 16}};

    provision("off");
    Capture relayed(outside(), "eth0", "udp port 7777");
    std::map<std::string, int> harm;
    for (const auto& [attack, times] : attacks) {
        send(attack);
        harm[attack] = arrived();
        EXPECT_GT(harm[attack], 0) << attack << " must do harm without a guard";
    }
    EXPECT_EQ(relayed.stop().count(), 2U) << "without a guard, the backend is an open relay";

    provision("log");
    for (const char* attack : {"stranger", "no_vip"}) {
        send(attack);
        EXPECT_EQ(arrived(), harm[attack]) << attack;
        EXPECT_EQ(caught()[attack], attacks.at(attack));
    }

    // Other tables accept everything, before the guard and after it. The guard still drops.
    backend().must("nft -f -", R"(table inet others {
        chain early { type filter hook prerouting priority -500; accept; }
        chain early_input { type filter hook input priority -500; accept; }
        chain late_input { type filter hook input priority 500; accept; }
    })");
    backend().must("iptables -w -I INPUT -j ACCEPT");
    provision("strict");
    Capture spared(outside(), "eth0", "udp port 7777 and src net 198.51.100.0/24");
    send({"stranger", "no_vip", "bad_source", "nested", "bad_header"});
    send(outside(), {"wrong_way"}, {2, 0, 10, 0, 5, 3});
    std::map<std::string, int> expected = attacks;
    expected["wrong_way"] = size("wrong_way");
    EXPECT_EQ(caught(), expected);
    EXPECT_EQ(arrived(), 0);
    EXPECT_EQ(spared.stop().count(), 0U);

    send("legitimate");
    EXPECT_EQ(arrived(), 32);
    EXPECT_EQ(caught(), expected) << "legitimate packets pass";

    // And the guard doesn't accept packets that others drop.
    backend().must("nft -f -",
                   "table inet others { chain late { type filter hook input priority 0; udp dport 7777 drop; }; }");
    send("legitimate");
    EXPECT_EQ(arrived(), 0);
}

/// Devices of others that the kernel prefers to its own; each kind once.
struct Others {
    std::string name;
    std::vector<std::string> devices;
    std::string making;  ///< for ip -batch
};
void PrintTo(const Others& others, std::ostream* stream) { *stream << others.name; }

class GuardBesideOthers : public Guard, public testing::WithParamInterface<Others> {
  protected:
    void make_others() const {
        std::string lines = GetParam().making;
        for (const std::string& device : GetParam().devices) lines += "link set " + device + " up\n";
        backend().ip(lines);
    }
    void remove_others() const {
        std::string lines;
        for (const std::string& device : GetParam().devices) lines += "link del " + device + "\n";
        backend().ip(lines);
    }

    [[nodiscard]] std::uint64_t received_by(const std::string& device) const {
        return std::stoull(backend().read(fmt::format("/sys/class/net/{}/statistics/rx_packets", device)));
    }
};

INSTANTIATE_TEST_SUITE_P(, GuardBesideOthers,
                         testing::Values(Others{"external",
                                                {"ipip0", "cilium6", "gre-md", "gre6-md"},
                                                "link add ipip0 type ipip external\n"
                                                "link add cilium6 type ip6tnl mode any external\n"
                                                "link add gre-md type gre external\n"
                                                "link add gre6-md type ip6gre external\n"},
                                         Others{"local",
                                                {"kube-tunnel-if", "six", "gre-if", "six-if", "gre6-if"},
                                                "link add kube-tunnel-if type ipip local 10.0.0.3\n"
                                                "link add six type sit local 10.0.0.3\n"
                                                "link add gre-if type gre local 10.0.0.3\n"
                                                "link add six-if type ip6tnl mode any local fd00::3\n"
                                                "link add gre6-if type ip6gre local fd00::3\n"},
                                         Others{"fixed",
                                                {"a4", "a6", "a47", "b6", "b47"},
                                                "link add a4 type ipip local 10.0.0.3 remote 10.0.0.2\n"
                                                "link add a6 type sit local 10.0.0.3 remote 10.0.0.2\n"
                                                "link add a47 type gre local 10.0.0.3 remote 10.0.0.2\n"
                                                "link add b6 type ip6tnl mode any local fd00::3 remote fd00::2\n"
                                                "link add b47 type ip6gre local fd00::3 remote fd00::2\n"}),
                         [](const auto& others) { return others.param.name; });

TEST_P(GuardBesideOthers, NoDeviceIsAWayAround) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6", "geneve"})
        REQUIRE_MODULE(module);
    build();
    const std::map<std::string, int> attacks{
        {"stranger", 32}, {"no_vip", 15}, {"bad_source", 11}, {"nested", 9}, {"bad_header", 16}};
    make_others();
    provision("off");
    backend().must("ip fou add port 5555 gue");
    backend().must("ip -6 fou add port 5555 gue");
    for (const auto& [group, times] : attacks) {
        send(group);
        EXPECT_GT(arrived(), 0) << group << " must do harm without a guard";
    }
    send("foreign_port");
    EXPECT_EQ(arrived(), size("foreign_port"));
    for (const std::string& device : GetParam().devices) EXPECT_GT(received_by(device), 0U) << device;

    provision("strict");
    std::map<std::string, int> expected = attacks;
    expected["stranger"] += size("foreign_port");
    const auto attack = [this] { send({"stranger", "no_vip", "bad_source", "nested", "bad_header", "foreign_port"}); };
    attack();
    EXPECT_EQ(caught(), expected);
    EXPECT_EQ(arrived(), 0);
    send("legitimate");
    EXPECT_EQ(arrived(), 32);
    EXPECT_EQ(caught(), expected) << "legitimate packets pass";

    // plan, status and check name each of them.
    const Output plan = backend().run(CULVERT_REALSERVER " plan -c /run/realserver.yaml");
    EXPECT_EQ(plan.status, 0) << plan;
    std::vector<std::string> shown, found;
    const json status = said("status"), check = said("check");
    for (const json& other : status.at("others")) shown.push_back(other.at("device"));
    for (const json& finding : check.at("findings"))
        if (finding.at("name") == "device_takes_packets") found.push_back(finding.at("evidence").at(0));
    EXPECT_THAT(shown, UnorderedElementsAreArray(GetParam().devices));
    EXPECT_EQ(found.size(), GetParam().devices.size());
    for (const std::string& device : GetParam().devices) {
        EXPECT_THAT(plan.err, HasSubstr(device + " ("));
        EXPECT_THAT(found, Contains(HasSubstr(device + ": ")));
    }

    // They come later, when the kernel's own have other names.
    remove_others();
    std::string renaming, as_before;
    for (const char* device : {"tunl0", "sit0", "gre0", "ip6tnl0", "ip6gre0"}) {
        renaming += fmt::format("link set {0} down\nlink set {0} name my-{0}\nlink set my-{0} up\n", device);
        as_before += fmt::format("link set my-{0} down\nlink set my-{0} name {0}\n", device);
    }
    backend().ip(renaming);
    attack();
    for (auto& [reason, times] : expected) times *= 2;
    EXPECT_EQ(caught(), expected);
    make_others();
    attack();
    for (auto& [reason, times] : expected) times = times / 2 * 3;
    EXPECT_EQ(caught(), expected);
    EXPECT_EQ(arrived(), 0);
    backend().ip(as_before);
    backend().must(CULVERT_REALSERVER " teardown -c /run/realserver.yaml");
}

/// A device of another kind than the kernel's own, which the kernel prefers nevertheless.
struct OtherKind {
    std::string name;
    std::string module;
    std::string device;
    std::string making;      ///< for ip -batch
    std::string instead_of;  ///< empty: it diverts nothing, but the guard drops what it delivers
};
void PrintTo(const OtherKind& other, std::ostream* stream) { *stream << other.name; }

class GuardBesideOtherKinds : public Guard, public testing::WithParamInterface<OtherKind> {};

INSTANTIATE_TEST_SUITE_P(
    , GuardBesideOtherKinds,
    testing::Values(
        OtherKind{"vti", "ip_vti", "v4", "link add v4 type vti local 10.0.0.3 remote 10.0.0.2 key 7\n", "tunl0"},
        OtherKind{"vti_of_the_kernel", "ip_vti", "ip_vti0", "", "tunl0"},
        OtherKind{"vti6", "ip6_vti", "v6", "link add v6 type vti6 local fd00::3 remote fd00::2\n", "ip6tnl0"},
        OtherKind{"vti6_of_the_kernel", "ip6_vti", "ip6_vti0", "", "ip6tnl0"},
        OtherKind{"erspan", "ip_gre", "e4",
                  "link add e4 type erspan seq key 7 erspan_ver 1 erspan 5 local 10.0.0.3 remote 10.0.0.77\n", ""},
        OtherKind{"ip6erspan", "ip6_gre", "e6",
                  "link add e6 type ip6erspan seq key 7 erspan_ver 1 erspan 5 local fd00::3 remote fd00::77\n", ""}),
    [](const auto& other) { return other.param.name; });

TEST_P(GuardBesideOtherKinds, AreNamedAndTheCureHelps) {
    const auto& [name, other_module, device, making, instead_of] = GetParam();
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6", "geneve"})
        REQUIRE_MODULE(module);
    REQUIRE_MODULE(other_module);
    build();
    provision("strict");
    send("legitimate");
    ASSERT_EQ(arrived(), 32);
    const json in_order = said("check");

    Process monitor = backend().spawn(CULVERT_REALSERVER " monitor -c /run/realserver.yaml");
    monitor.wait_for("ready");
    backend().ip(making + "link set " + device + " up\n");
    send("legitimate");
    if (instead_of.empty())
        EXPECT_EQ(arrived(), 32);
    else
        EXPECT_LT(arrived(), 32) << "a device that diverts nothing must not be named";

    const std::string words =
        instead_of.empty() ? "the guard drops packets from it" : "receives the packets meant for " + instead_of;
    EXPECT_TRUE(eventually([&] { return monitor.err().find(words) != std::string::npos; })) << monitor.err();
    EXPECT_THAT(backend().run(CULVERT_REALSERVER " plan -c /run/realserver.yaml").err,
                AllOf(HasSubstr(device + " ("), HasSubstr(words)));
    const json shown = said("status").at("others");
    ASSERT_EQ(shown.size(), 1U) << shown;
    EXPECT_EQ(shown[0].at("device"), device);
    EXPECT_EQ(shown[0].at("takes_packets_of"), instead_of.empty() ? json() : json(instead_of));

    const json check = said("check");
    const std::string wanted = instead_of.empty() ? "tunnel_not_listed" : "device_takes_packets";
    const auto& findings = check.at("findings");
    const auto finding = std::ranges::find(findings, json(wanted), [](const json& one) { return one.at("name"); });
    ASSERT_NE(finding, findings.end()) << check;
    EXPECT_THAT(finding->at("cause").get<std::string>(), HasSubstr(device));
    if (instead_of.empty()) {
        monitor.stop();  // apply changes nothing on a host that is monitored
        provision("strict", "tunnel_peers: [10.0.0.77, 'fd00::77']\n");
    } else {
        backend().must(finding->at("cure").get<std::string>());
    }
    EXPECT_EQ(said("check").at("findings"), in_order.at("findings"));
    send("legitimate");
    EXPECT_EQ(arrived(), 32);
}

TEST_F(Guard, LeavesTunnelsOfListedPeersAlone) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6", "geneve"})
        REQUIRE_MODULE(module);
    build();
    backend().ip(
        "link add a4 type ipip local 10.0.0.3 remote 10.0.0.77\n"
        "link add a6 type sit local 10.0.0.3 remote 10.0.0.77\n"
        "link add a47 type gre local 10.0.0.3 remote 10.0.0.77\n"
        "link add b6 type ip6tnl mode any local fd00::3 remote fd00::77\n"
        "link add b47 type ip6gre local fd00::3 remote fd00::77\n"
        "link set a4 up\nlink set a6 up\nlink set a47 up\nlink set b6 up\nlink set b47 up\n");
    backend().must("ip fou add port 5555 gue");
    backend().must("ip -6 fou add port 5555 gue");
    const auto named = [&](const std::string& finding) {
        int times = 0;
        const json check = said("check");
        for (const json& one : check.at("findings")) times += one.at("name") == finding ? 1 : 0;
        return times;
    };
    provision("strict");
    send("peer");
    EXPECT_EQ(arrived(), 0);
    EXPECT_EQ(caught(), (std::map<std::string, int>{{"stranger", size("peer")}}));
    EXPECT_EQ(named("tunnel_not_listed"), 5);
    EXPECT_EQ(named("device_takes_packets"), 0);

    const std::string listed = "tunnel_peers: [10.0.0.77, 'fd00::77']\n";
    provision("strict", listed);
    EXPECT_EQ(named("tunnel_not_listed"), 0);
    send("peer");
    EXPECT_EQ(arrived(), size("peer"));
    EXPECT_THAT(caught(), IsEmpty());

    // A stranger who writes a balancer's address into a packet is not a balancer.
    send("foreign_port");
    EXPECT_EQ(arrived(), 0);
    EXPECT_EQ(caught(), (std::map<std::string, int>{{"stranger", size("foreign_port")}}));
}

TEST_F(Guard, LeavesAloneWhatThisHostSendsToItselfInAClassOfTraffic) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6", "geneve"})
        REQUIRE_MODULE(module);
    build();
    backend().must("nft -f -", R"(table inet others {
        chain classes {
            type route hook output priority 0
            meta priority set 8001:1
        }
    })");
    provision("strict");
    backend().must("ping -c 1 -W 2 10.0.0.3");
    backend().must("ping -c 1 -W 2 fd00::3");
    EXPECT_THAT(caught(), IsEmpty());
}

TEST_F(Guard, LeavesNoTraceOnWhatItLetsThrough) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6", "geneve"})
        REQUIRE_MODULE(module);
    build();
    provision("strict");
    backend().must("nft -f -", R"(table inet others {
        chain delivered { type filter hook input priority 100
            udp dport 7777 counter comment "all"
            udp dport 7777 meta priority != none counter
            udp dport 7777 meta mark != 0 counter
        }
        chain relayed { type filter hook postrouting priority 100
            udp dport 7777 counter comment "all"
            udp dport 7777 meta priority & f000:0 != none counter
        }
    })");
    const auto counted = [&] {
        std::vector<int> result;
        const json table = json::parse(backend().must("nft -j list table inet others"));
        for (const json& row : table.at("nftables"))
            if (row.contains("rule"))
                for (const json& part : row.at("rule").at("expr"))
                    if (part.contains("counter")) result.push_back(part.at("counter").at("packets"));
        return result;
    };
    send("legitimate");
    EXPECT_EQ(arrived(), 32);
    const std::vector<int> delivered = counted();
    EXPECT_GE(delivered.at(0), 32);
    EXPECT_EQ(delivered.at(1), 0);
    EXPECT_EQ(delivered.at(2), 0);

    backend().must("nft -f -", R"(table inet nat {
        chain c { type nat hook prerouting priority -100
            ip daddr 192.0.2.1 dnat ip to 10.0.5.6
            ip6 daddr 2001:db8::1 dnat ip6 to fd05::6
        }
    })");
    send("legitimate");
    const std::vector<int> relayed = counted();
    EXPECT_GE(relayed.at(3), 30);
    EXPECT_EQ(relayed.at(4), 0);
}

TEST_F(Guard, JudgesWhatComesOutOfDevicesOnTunnels) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6", "geneve"})
        REQUIRE_MODULE(module);
    build();
    const std::string own = "tunnels: [{name: lb2, type: gretap, local: 10.0.0.3, remote: 10.0.0.2}]\n";
    provision("off", own);
    backend().ip(
        "link set lb2 address 02:00:0a:07:00:01\n"
        "link add link lb2 name lb2.5 type vlan id 5\n"
        "link add link lb2 name mac address 02:00:0a:07:00:03 type macvlan mode bridge\n"
        "link add link geneve6081 name geneve.7 type vlan id 7\n"
        "link add tap type ip6gretap external\n"
        "link add br0 address 02:00:0a:07:00:02 type bridge vlan_filtering 1\n"
        "link set tap master br0\n"
        "link add port master br0 type veth peer name veth address 02:00:0a:07:00:04\n"
        "link add link br0 name br0.6 type vlan id 6\n"
        "addr add 10.7.5.3/24 dev lb2.5\n");
    for (const char* device : {"lb2.5", "mac", "geneve.7", "tap", "br0", "br0.6", "port", "veth"})
        backend().ip(fmt::format("link set {} up\n", device));
    backend().must("bridge vlan add dev tap vid 6");
    backend().must("bridge vlan add dev br0 vid 6 self");
    backend().must("ip fou add port 5555 gue");
    backend().must("ip -6 fou add port 5555 gue");
    send("on_tunnels");
    EXPECT_EQ(arrived(), size("on_tunnels")) << "without a guard";
    send("on_tunnels_by_port");
    EXPECT_EQ(arrived(), size("on_tunnels_by_port")) << "without a guard";
    send("on_own_vlan");
    EXPECT_EQ(arrived(), 1);

    provision("strict", own);
    send("on_tunnels");
    EXPECT_EQ(arrived(), 0);
    send("on_tunnels_by_port");
    EXPECT_EQ(arrived(), 0);
    const std::map<std::string, int> expected{{"no_vip", size("on_tunnels")}, {"stranger", size("on_tunnels_by_port")}};
    EXPECT_EQ(caught(), expected);

    send("on_tunnels_legitimate");
    EXPECT_EQ(arrived(), size("on_tunnels_legitimate"));
    send("on_own_vlan");
    EXPECT_EQ(arrived(), 1) << "it is a link with an address of its own";
    EXPECT_EQ(caught(), expected);
}

TEST_F(Guard, CoversTheKernelsTunnelsWhereXdpDecapsulates) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "fou", "fou6"}) REQUIRE_MODULE(module);
    build();
    const auto by_xdp = [&](const std::string& policy) {
        backend().write("/run/realserver.yaml", fmt::format(R"(
balancers: [10.0.0.2, 'fd00::2']
vips: [192.0.2.1, '2001:db8::1']
receive: [{{encap: gre, family: ipv4, via: xdp}}, {{encap: gue, port: 5080, via: xdp}}]
guard: {}
)",
                                                            policy));
        backend().must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    };
    for (const char* device : {"tunl0", "sit0", "gre0", "ip6tnl0"}) {
        backend().set_sysctl(fmt::format("net.ipv4.conf.{}.rp_filter", device), "0");
        backend().ip(fmt::format("link set {} up\n", device));
    }
    const int all = size("passed_by_xdp") + size("elsewhere");
    const auto attack = [&] {
        send("passed_by_xdp");
        send(outside(), {"elsewhere"}, {2, 0, 10, 0, 5, 3});
    };
    by_xdp("off");
    attack();
    EXPECT_EQ(arrived(), all) << "without a guard";

    by_xdp("strict");
    attack();
    EXPECT_EQ(arrived(), 0);
    EXPECT_EQ(caught(), (std::map<std::string, int>{{"stranger", all}}));
    send("gue");
    EXPECT_EQ(arrived(), size("gue"));
    EXPECT_EQ(caught(), (std::map<std::string, int>{{"stranger", all}}));
    EXPECT_EQ(backend().run(CULVERT_REALSERVER " plan -c /run/realserver.yaml").status, 0);
    backend().must(CULVERT_REALSERVER " teardown -c /run/realserver.yaml");
}

}  // namespace
}  // namespace culvert::netns
