// SPDX-License-Identifier: Apache-2.0
#include "realserver/trace/drop.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>

#include <initializer_list>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "realserver/trace/drop_explanation.hpp"
#include "realserver/trace/drop_text.hpp"
#include "realserver/trace/guard_counts.hpp"
#include "realserver/trace/kernel_symbols.hpp"
#include "realserver/trace/xdp_drops.hpp"
#include "tests/unit/realserver/address.hpp"

namespace culvert::realserver {
namespace {

using testing::HasSubstr;

using Bytes = std::vector<std::uint8_t>;

Bytes operator+(Bytes left, const Bytes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

Bytes ipv4(const char* source, const char* destination, std::uint8_t protocol) {
    Bytes header(12);
    header[0] = 0x45;
    header[9] = protocol;
    for (const IpAddress& address : {ip(source), ip(destination)})
        header.insert(header.end(), address.bytes().begin(), address.bytes().end());
    return header;
}

Bytes ipv6(const char* source, const char* destination, std::uint8_t protocol) {
    Bytes header{0x60, 0, 0, 0, 0, 0, protocol, 64};
    for (const IpAddress& address : {ip(source), ip(destination)})
        header.insert(header.end(), address.bytes().begin(), address.bytes().end());
    return header;
}

Bytes ports(std::uint8_t source, std::uint16_t destination) {
    return {0, source, static_cast<std::uint8_t>(destination >> 8), static_cast<std::uint8_t>(destination & 0xff), 0, 0,
            0, 0};
}

const std::set<Family> both{Family::ipv4, Family::ipv6};
const std::set<Inner> both_inner{Inner::ipv4, Inner::ipv6};

Config config() {
    return {.balancers = {*Prefix::parse("10.0.0.1")},
            .vips = {*Prefix::parse("192.0.2.1"), *Prefix::parse("2001:db8::/64")},
            .receive =
                {TunnelEnd{.outer = both, .inner = both_inner},
                 TunnelEnd{
                     .encap = common::EncapKind::gue, .port = 5080, .outer = both, .inner = {Inner::ipv4, Inner::gre}},
                 TunnelEnd{.encap = common::EncapKind::fou, .port = 5047, .outer = both, .inner = {Inner::gre}},
                 TunnelEnd{
                     .encap = common::EncapKind::geneve, .port = 6081, .vni = 666, .outer = both, .inner = both_inner}},
            .tunnels = {{.name = "my-gre",
                         .parameters = {.kind = netlink::TunnelKind::gretap,
                                        .encap = {.type = netlink::EncapType::fou, .source_port = 5555}}}}};
}

const Bytes request = ipv4("198.51.100.9", "192.0.2.1", IPPROTO_TCP) + ports(7, 80);
const Flow request_flow{ip("198.51.100.9"), ip("192.0.2.1"), IPPROTO_TCP, 7, 80};

Packet dissected(const Bytes& bytes) { return dissect(bytes, 0, false, config()).value(); }

TEST(Drop, ReadsAPacketInNoTunnel) {
    EXPECT_EQ(dissected(request), (Packet{.encap = "", .outer = {}, .flow = request_flow}));
}

TEST(Drop, ReadsWhatIsInATunnel) {
    const Bytes gre4{0, 0, 0x08, 0};
    const Bytes keyed_ethernet = Bytes{0x20, 0, 0x65, 0x58, 0, 0, 0, 1} + Bytes(12) + Bytes{0x08, 0};
    const Bytes gue4{0, 4, 0, 0};
    const Bytes gue_gre = Bytes{1, 47, 0, 0} + Bytes(4);  // with a word of options
    const Bytes teb = Bytes{0, 0, 0x65, 0x58} + Bytes(12) + Bytes{0x08, 0};
    const Bytes geneve = Bytes{1, 0, 0x65, 0x58, 0, 2, 0x9a, 0} + Bytes(4) + Bytes(12) + Bytes{0x08, 0};
    const auto outer4 = [](std::uint8_t protocol) { return ipv4("10.0.0.1", "10.0.0.3", protocol); };
    const auto outer6 = [](std::uint8_t protocol) { return ipv6("fd00::1", "fd00::3", protocol); };
    const std::pair<Bytes, std::string> rows[] = {
        {outer4(IPPROTO_IPIP), "ipip"},
        {outer6(IPPROTO_IPIP), "ipip"},
        {outer6(IPPROTO_DSTOPTS) + Bytes{IPPROTO_IPIP, 0, 4, 1, 4, 1, 0, 0}, "ipip"},  // RFC 2473's limit
        {outer4(IPPROTO_GRE) + gre4, "gre"},
        {outer4(IPPROTO_GRE) + keyed_ethernet, "gre"},
        {outer4(IPPROTO_UDP) + ports(9, 5080) + gue4, "gue 5080"},
        {outer6(IPPROTO_UDP) + ports(9, 5080), "gue 5080"},  // version 1: IP directly
        {outer4(IPPROTO_UDP) + ports(9, 5080) + gue_gre + gre4, "gre over gue 5080"},
        {outer4(IPPROTO_UDP) + ports(9, 5047) + gre4, "gre over fou 5047"},
        {outer6(IPPROTO_UDP) + ports(9, 6081) + geneve, "geneve 666"},
        {outer4(IPPROTO_UDP) + ports(9, 5555) + teb, "gre over fou 5555"},
    };
    for (const auto& [headers, encap] : rows) {
        const Packet packet = dissected(headers + request);
        EXPECT_EQ(packet.encap, encap);
        EXPECT_EQ(packet.flow, request_flow) << encap;
        EXPECT_EQ(packet.outer->source, headers[0] >> 4 == 4 ? ip("10.0.0.1") : ip("fd00::1"));
    }
}

TEST(Drop, FindsTheTunnelThatADeviceTookOff) {
    const Bytes junk(23, 0x45);
    const Bytes outer = ipv4("10.0.0.1", "10.0.0.3", IPPROTO_UDP) + ports(9, 5080) + Bytes{0, 4, 0, 0};
    const auto packet = dissect(junk + outer + request, junk.size() + outer.size(), true, config()).value();
    EXPECT_EQ(packet.encap, "gue 5080");
    EXPECT_EQ(packet.outer->source, ip("10.0.0.1"));
    EXPECT_EQ(packet.flow, request_flow);
    EXPECT_TRUE(packet.unwrapped);
    // No trace of it is left.
    EXPECT_EQ(dissect(junk + request, junk.size(), true, config())->outer, std::nullopt);
}

TEST(Drop, AnyPrefixOfAPacketIsReadWithoutHarm) {
    const Bytes whole = ipv6("fd00::1", "fd00::3", IPPROTO_UDP) + ports(9, 5080) + Bytes{1, 47, 0, 0} + Bytes(4) +
                        Bytes{0xb0, 0, 0x65, 0x58} + Bytes(12) + Bytes(12) + Bytes{0x86, 0xdd} +
                        ipv6("2001:db8::9", "2001:db8::1", IPPROTO_FRAGMENT) + Bytes{17, 0, 0, 1, 0, 0, 0, 0} +
                        ports(9, 53);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_EQ(dissect(part, 0, false, config()).has_value(), size >= 40);
    }
    EXPECT_EQ(dissected(whole).flow.destination_port, 53);
}

TEST(Drop, ConcernsTunnelsAndVips) {
    const auto concerned = [](const Bytes& bytes) { return concerns({.packet = dissected(bytes)}, config()); };
    EXPECT_TRUE(concerned(request));
    EXPECT_TRUE(concerned(ipv4("10.0.0.66", "10.0.0.3", IPPROTO_IPIP) + request));
    EXPECT_FALSE(concerned(ipv4("10.0.0.66", "10.0.0.3", IPPROTO_UDP) + ports(9, 53)));
}

Explanation explained(const char* reason, const char* function, const Packet& packet) {
    return explain({.reason = reason, .function = function, .device = "tunl0", .length = 0, .packet = packet},
                   config());
}

TEST(DropExplanation, TheGuardIsNamedIfItHasCountedThePacket) {
    netlink::nft::Tallies tallies{{"stranger", {.packets = 7, .bytes = 0}}, {"no_vip", {}}, {"nested", {}}};
    GuardCounts guard([&] { return tallies; });
    Packet packet{
        .encap = "ipip", .outer = Flow{.source = ip("10.0.0.66"), .destination = ip("10.0.0.3")}, .flow = request_flow};
    const auto dropped_for = [&] {
        const auto reason = guard.take(candidates(packet, config()));
        return explain({.reason = "NETFILTER_DROP", .function = {}, .device = "eth0", .length = 0, .packet = packet},
                       config(), reason);
    };
    EXPECT_EQ(dropped_for().cause, "a firewall") << "earlier counts are of other packets";
    tallies["stranger"].packets += 2;
    EXPECT_EQ(dropped_for(), (Explanation{"the guard, stranger: outer source is no balancer",
                                          "if 10.0.0.66 is a balancer: add it to balancers, then realserver apply"}));
    EXPECT_THAT(dropped_for().cause, HasSubstr("stranger")) << "two drops were counted before the first was explained";
    EXPECT_EQ(dropped_for().cause, "a firewall");

    packet.unwrapped = true;
    packet.flow.destination = ip("10.0.0.3");
    tallies["nested"].packets = 1;
    tallies["no_vip"].packets = 1;
    EXPECT_EQ(dropped_for().cause, "the guard, no_vip: inner destination is no VIP");
    EXPECT_EQ(dropped_for().cause, "the guard, nested: a tunnel in a tunnel");

    tallies = {{"no_vip", {}}};
    EXPECT_EQ(dropped_for().cause, "a firewall") << "the table is a new one";
    tallies["no_vip"].packets = 1;
    EXPECT_THAT(dropped_for().cause, HasSubstr("no_vip"));
}

TEST(XdpDrops, AreWhatTheCountsHaveGrownBy) {
    DecapCounters before{.received = {}, .dropped = {{"source", 4}, {"no_vip", 1}}, .let_pass = {}};
    const DecapCounters now{.received = {}, .dropped = {{"source", 4}, {"no_vip", 3}}, .let_pass = {}};
    EXPECT_EQ(newly_dropped("eth0", now, before), (std::vector<XdpDrops>{{"eth0", "no_vip", 2}}));
    EXPECT_EQ(newly_dropped("eth0", now, before), std::vector<XdpDrops>{});
    EXPECT_EQ(to_text(XdpDrops{"eth0", "no_vip", 2}, "12:00:01", false),
              "12:00:01 eth0 2 tunnel packets, which XDP only counts\n"
              "    no_vip in XDP: the inner packet is for none of the VIPs\n"
              "    cure: if it is a VIP: add it to vips, then realserver apply\n");
}

TEST(DropExplanation, WhereTheKernelGivesNoReasonTheFunctionTells) {
    const Packet unwrapped{.encap = "ipip", .outer = {}, .flow = request_flow, .unwrapped = true};
    EXPECT_EQ(explained("NOT_SPECIFIED", "ip_error", unwrapped).cause, "the VIP 192.0.2.1 is no address of this host");
    const Packet wrapped{.encap = "ipip", .outer = request_flow, .flow = request_flow};
    EXPECT_THAT(explained("NOT_SPECIFIED", "tunnel4_rcv", wrapped).cause, HasSubstr("no device accepts ipip"));
    EXPECT_THAT(explained("NOT_SPECIFIED", "somewhere", unwrapped).cause, HasSubstr("the function"));
}

/// From kernel 6.18, which has all reasons of 6.1 and 6.12; without those of other protocols than IP.
constexpr const char* reasons =
    "NOT_SPECIFIED NO_SOCKET SOCKET_CLOSE SOCKET_FILTER SOCKET_RCVBUFF PKT_TOO_SMALL TCP_CSUM UDP_CSUM "
    "NETFILTER_DROP OTHERHOST IP_CSUM IP_INHDR IP_RPFILTER UNICAST_IN_L2_MULTICAST XFRM_POLICY IP_NOPROTO "
    "PROTO_MEM TCP_AUTH_HDR TCP_MD5NOTFOUND TCP_MD5UNEXPECTED TCP_MD5FAILURE TCP_AONOTFOUND "
    "TCP_AOUNEXPECTED TCP_AOKEYNOTFOUND TCP_AOFAILURE SOCKET_BACKLOG TCP_FLAGS TCP_ABORT_ON_DATA "
    "TCP_ZEROWINDOW TCP_OLD_DATA TCP_OVERWINDOW TCP_OFOMERGE TCP_RFC7323_PAWS TCP_RFC7323_PAWS_ACK "
    "TCP_RFC7323_TW_PAWS TCP_RFC7323_TSECR TCP_LISTEN_OVERFLOW TCP_OLD_SEQUENCE TCP_INVALID_SEQUENCE "
    "TCP_INVALID_END_SEQUENCE TCP_INVALID_ACK_SEQUENCE TCP_RESET TCP_INVALID_SYN TCP_CLOSE TCP_FASTOPEN "
    "TCP_OLD_ACK TCP_TOO_OLD_ACK TCP_ACK_UNSENT_DATA TCP_OFO_QUEUE_PRUNE TCP_OFO_DROP IP_OUTNOROUTES "
    "BPF_CGROUP_EGRESS IPV6DISABLED NEIGH_CREATEFAIL NEIGH_FAILED NEIGH_QUEUEFULL NEIGH_DEAD "
    "NEIGH_HH_FILLFAIL TC_EGRESS SECURITY_HOOK QDISC_DROP QDISC_OVERLIMIT QDISC_CONGESTED CAKE_FLOOD "
    "FQ_BAND_LIMIT FQ_HORIZON_LIMIT FQ_FLOW_LIMIT CPU_BACKLOG XDP TC_INGRESS UNHANDLED_PROTO SKB_CSUM "
    "SKB_GSO_SEG SKB_UCOPY_FAULT DEV_HDR DEV_READY FULL_RING NOMEM HDR_TRUNC TAP_FILTER TAP_TXFILTER "
    "ICMP_CSUM INVALID_PROTO IP_INADDRERRORS IP_INNOROUTES IP_LOCAL_SOURCE IP_INVALID_SOURCE IP_LOCALNET "
    "IP_INVALID_DEST PKT_TOO_BIG DUP_FRAG FRAG_REASM_TIMEOUT FRAG_TOO_FAR TCP_MINTTL IPV6_BAD_EXTHDR "
    "IPV6_NDISC_FRAG IPV6_NDISC_HOP_LIMIT IPV6_NDISC_BAD_CODE IPV6_NDISC_BAD_OPTIONS "
    "IPV6_NDISC_NS_OTHERHOST QUEUE_PURGE TC_COOKIE_ERROR PACKET_SOCK_ERROR TC_CHAIN_NOTFOUND "
    "TC_RECLASSIFY_LOOP VXLAN_INVALID_HDR VXLAN_VNI_NOT_FOUND MAC_INVALID_SOURCE VXLAN_ENTRY_EXISTS "
    "NO_TX_TARGET IP_TUNNEL_ECN TUNNEL_TXINFO LOCAL_MAC ARP_PVLAN_DISABLE MAC_IEEE_MAC_CONTROL "
    "BRIDGE_INGRESS_STP_STATE PFMEMALLOC DUALPI2_STEP_DROP PSP_INPUT PSP_OUTPUT RECURSION_LIMIT ";

TEST(DropExplanation, EveryReasonHasAMeaning) {
    const Packet packet{.encap = {}, .outer = {}, .flow = request_flow};
    std::istringstream names(reasons);
    int count = 0;
    for (std::string name; names >> name; ++count) {
        const Explanation explanation = explained(name.c_str(), "somewhere", packet);
        EXPECT_NE(explanation.cause, "") << name;
        EXPECT_THAT(explanation.cause, testing::Not(HasSubstr("realserver does not know"))) << name;
        EXPECT_THAT(explanation.cause + explanation.cure, testing::Not(HasSubstr("{"))) << name;
    }
    EXPECT_GT(count, 100);
    EXPECT_EQ(explained("IPV6DISABLED", "ip6_rcv_core", packet),
              (Explanation{"IPv6 is disabled on tunl0",
                           "sysctl -w net.ipv6.conf.tunl0.disable_ipv6=0, then realserver apply"}));
    EXPECT_THAT(explained("NEWER_THAN_THIS", "", packet).cause, HasSubstr("realserver does not know"));
    EXPECT_THAT(to_text({.reason = "TCP_FLAGS", .function = {}, .device = "eth0", .length = 60, .packet = packet},
                        explained("TCP_FLAGS", "", packet), "12:00:01", false),
                HasSubstr("cure: none on this host"));
}

TEST(DropText, HasTheWholePacketAndWhy) {
    const Drop drop{.reason = "IP_RPFILTER",
                    .function = "ip_rcv_finish_core",
                    .device = "tunl0",
                    .length = 60,
                    .packet = {.encap = "ipip",
                               .outer = Flow{.source = ip("10.0.0.1"), .destination = ip("10.0.0.3")},
                               .flow = request_flow,
                               .unwrapped = true}};
    EXPECT_EQ(to_text(drop, {"cause", "cure"}, "12:00:01", false),
              "12:00:01 tunl0 198.51.100.9:7 > 192.0.2.1:80 tcp in ipip 10.0.0.1 > 10.0.0.3, 60 bytes\n"
              "    IP_RPFILTER in ip_rcv_finish_core: cause\n"
              "    cure: cure\n");
    EXPECT_EQ(to_json(drop, {"cause", "cure"}, "12:00:01")["packet"]["destination_port"], 80);
}

TEST(KernelSymbols, FindsTheFunctionThatAnAddressIsIn) {
    std::istringstream lines(
        "ffffffff81000200 t ip_rcv_finish_core.constprop.0\n"
        "ffffffff81000100 T ip_rcv\n"
        "ffffffff81000180 D data\n"
        "ffffffffc0000000 t ipip_rcv\t[ipip]\n");
    const KernelSymbols symbols(lines);
    EXPECT_EQ(symbols.function_at(0xffffffff810001ff), "ip_rcv");
    EXPECT_EQ(symbols.function_at(0xffffffff81000200), "ip_rcv_finish_core");
    EXPECT_EQ(symbols.function_at(0xffffffffc0000010), "ipip_rcv");
    EXPECT_EQ(symbols.function_at(0x10), "");
    std::istringstream hidden("0000000000000000 T ip_rcv\n");
    EXPECT_EQ(KernelSymbols(hidden).function_at(0xffffffff81000100), "");
}

}  // namespace
}  // namespace culvert::realserver
