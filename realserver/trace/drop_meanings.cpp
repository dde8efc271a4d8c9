// SPDX-License-Identifier: Apache-2.0
#include "realserver/trace/drop_meanings.hpp"

#include <algorithm>
#include <array>

namespace culvert::realserver {

namespace {

constexpr std::string_view show_sockets = "ss -tinm shows the service's sockets";
constexpr std::string_view more_memory = "free -m; raise sysctl net.ipv4.tcp_mem and net.ipv4.udp_mem";
constexpr std::string_view show_queue = "tc -s qdisc show dev {device}";
constexpr std::string_view show_filters = "tc filter show dev {device} ingress";
constexpr std::string_view show_programs = "bpftool cgroup tree shows whose program it is";
constexpr std::string_view of_sender = "";  // nothing on this host helps against bad packets from others

/// In the order in which a packet passes them: device, IP, transport, service; then reasons for dropped answers.
constexpr auto table = std::to_array<Meaning>({
    // device
    {"XDP", "an XDP program; if it is realserver's, the count of its reason follows",
     "ip link show dev {device} shows whether it has one"},
    {"TC_INGRESS", "a tc filter", show_filters},
    {"TC_COOKIE_ERROR", "tc cannot process what a tc filter of the network card has passed on", show_filters},
    {"TC_CHAIN_NOTFOUND", "a tc filter jumps to a chain that does not exist", show_filters},
    {"TC_RECLASSIFY_LOOP", "tc filters form a loop", show_filters},
    {"OTHERHOST", "the frame was for another host's MAC address", "on the sender: ip neighbour show"},
    {"UNICAST_IN_L2_MULTICAST", "a unicast packet in a multicast or broadcast frame (RFC 1122 section 3.3.6)",
     of_sender},
    {"MAC_INVALID_SOURCE", "the frame's source is not the MAC address of a host", of_sender},
    {"LOCAL_MAC", "the frame's source is this device's own MAC address: a loop, or the same address twice",
     "ip link show dev {device}: give the other host another address"},
    {"MAC_IEEE_MAC_CONTROL", "bridges do not forward frames of link control", of_sender},
    {"BRIDGE_INGRESS_STP_STATE", "the bridge's port is not forwarding", "bridge -d link show dev {device}"},
    {"ARP_PVLAN_DISABLE", "ARP for another host of a private VLAN", "sysctl net.ipv4.conf.{device}.proxy_arp_pvlan"},
    {"NO_TX_TARGET", "the bridge has no port to forward the frame to", "bridge fdb show"},
    {"UNHANDLED_PROTO", "nothing on this host handles frames of this type", of_sender},
    {"CPU_BACKLOG", "the packet queue of a processor is full", "sysctl -w net.core.netdev_max_backlog=10000"},
    {"DEV_HDR", "the device's own header is wrong", of_sender},
    {"DEV_READY", "the device is not up", "ip link set {device} up"},
    {"FULL_RING", "the device's ring is full: its reader is too slow", "ethtool -g {device} shows its length"},
    {"TAP_FILTER", "a filter on the tap device", "the program that made {device} has set it"},
    {"TAP_TXFILTER", "the address filter of the tap device", "the program that made {device} has set it"},
    {"HDR_TRUNC", "the packet is shorter than its headers say", of_sender},
    {"NOMEM", "the kernel has no memory for it", more_memory},
    {"PFMEMALLOC", "the kernel is so short of memory that it only accepts packets for swapping", more_memory},
    {"RECURSION_LIMIT", "devices form a loop: a tunnel leads into itself", "ip -d link show"},
    // tunnels
    {"IP_TUNNEL_ECN", "its ECN bits contradict the tunnel's (RFC 6040)", of_sender},
    {"TUNNEL_TXINFO", "it was sent into a flow-based tunnel without a remote address",
     "ip route show dev {device}: no route may lead into it"},
    {"VXLAN_INVALID_HDR", "the VXLAN header is wrong", of_sender},
    {"VXLAN_VNI_NOT_FOUND", "no VXLAN device has its VNI", "ip -d link show type vxlan"},
    {"VXLAN_ENTRY_EXISTS", "VXLAN knows its source behind another remote", "bridge fdb show dev {device}"},
    {"PSP_INPUT", "PSP does not accept it", of_sender},
    {"PSP_OUTPUT", "PSP may not send it unencrypted", ""},
    // IP
    {"IP_INHDR", "the IP header is wrong or cut off", of_sender},
    {"PKT_TOO_SMALL", "the packet is shorter than its headers say", of_sender},
    {"IPV6_BAD_EXTHDR", "an IPv6 extension header is wrong or refused", of_sender},
    {"IPV6DISABLED", "IPv6 is disabled on {device}",
     "sysctl -w net.ipv6.conf.{device}.disable_ipv6=0, then realserver apply"},
    {"IP_RPFILTER", "the reverse-path filter of {device}",
     "sysctl -w net.ipv4.conf.{device}.rp_filter=0 net.ipv4.conf.all.rp_filter=0"},
    {"IP_LOCAL_SOURCE", "its source is an address of this host",
     "if this host itself may send it: sysctl -w net.ipv4.conf.{device}.accept_local=1"},
    {"IP_INVALID_SOURCE", "its source is not the address of a host", of_sender},
    {"IP_INVALID_DEST", "its destination is not the address of a host", of_sender},
    {"IP_LOCALNET", "it is to or from 127.0.0.0/8, and came from outside",
     "if that is intended: sysctl -w net.ipv4.conf.{device}.route_localnet=1"},
    {"IP_OUTNOROUTES", "there is no route for an answer", "realserver check"},
    {"INVALID_PROTO", "a broadcast that asks for an answer (RFC 1122 section 3.2.2)", of_sender},
    {"XFRM_POLICY", "the IPsec policy demands encryption", "ip xfrm policy show"},
    {"PKT_TOO_BIG", "it is longer than the MTU of its path", "ip link show: MTUs; realserver check"},
    {"DUP_FRAG", "a fragment overlaps another", of_sender},
    {"FRAG_REASM_TIMEOUT", "the rest of a fragmented packet did not arrive",
     "make room for the tunnel on the path, or write mtu: into the configuration"},
    {"FRAG_TOO_FAR", "too many other fragments arrived before the rest of this packet",
     "sysctl -w net.ipv4.ipfrag_max_dist=0"},
    {"IPV6_NDISC_FRAG", "neighbour discovery in fragments (RFC 6980)", of_sender},
    {"IPV6_NDISC_HOP_LIMIT", "neighbour discovery from beyond a router", of_sender},
    {"IPV6_NDISC_BAD_CODE", "neighbour discovery with a wrong code", of_sender},
    {"IPV6_NDISC_BAD_OPTIONS", "neighbour discovery with wrong options", of_sender},
    {"IPV6_NDISC_NS_OTHERHOST", "a neighbour asks for another host", of_sender},
    // transport
    {"SKB_CSUM", "its checksum cannot be computed", "ethtool -K {device} rx off"},
    {"TCP_FLAGS", "its TCP flags are invalid, as in a port scan", of_sender},
    {"TCP_AUTH_HDR", "it has two TCP signatures, or a malformed one", of_sender},
    {"TCP_MD5NOTFOUND", "the service requires a TCP MD5 signature, and it has none", show_sockets},
    {"TCP_MD5UNEXPECTED", "it has a TCP MD5 signature, and the service expects none", show_sockets},
    {"TCP_MD5FAILURE", "its TCP MD5 signature is wrong: another key", show_sockets},
    {"TCP_AONOTFOUND", "the service requires TCP-AO, and it has none", show_sockets},
    {"TCP_AOUNEXPECTED", "it has TCP-AO, and the service expects none", show_sockets},
    {"TCP_AOKEYNOTFOUND", "the service does not have its TCP-AO key", show_sockets},
    {"TCP_AOFAILURE", "its TCP-AO signature is wrong: another key", show_sockets},
    {"TCP_MINTTL", "it comes from further away than the service allows (IP_MINTTL)", show_sockets},
    {"TCP_INVALID_SYN", "a SYN in the middle of a connection", of_sender},
    {"TCP_RESET", "a reset that fits no connection", of_sender},
    {"TCP_CLOSE", "the connection is already closed", of_sender},
    {"TCP_ABORT_ON_DATA", "data for a connection that the service has closed: it is reset", of_sender},
    {"TCP_FASTOPEN", "TCP Fast Open has not been confirmed", of_sender},
    {"TCP_OLD_DATA", "the data have arrived before: a retransmission", of_sender},
    {"TCP_OLD_SEQUENCE", "it has arrived before: a retransmission", of_sender},
    {"TCP_OFOMERGE", "the data have arrived before, out of order", of_sender},
    {"TCP_OFO_DROP", "the data have arrived before, out of order", of_sender},
    {"TCP_OLD_ACK", "the data that it acknowledges were acknowledged before", of_sender},
    {"TCP_TOO_OLD_ACK", "it acknowledges data sent long ago, as a forged packet may", of_sender},
    {"TCP_ACK_UNSENT_DATA", "it acknowledges data that were never sent: forged, or of another backend's connection",
     "on the balancer: lbd explain shows the backend of its flow"},
    {"TCP_INVALID_SEQUENCE", "its sequence number does not fit the connection, as in a forged packet", of_sender},
    {"TCP_INVALID_END_SEQUENCE", "it ends beyond the connection's window", of_sender},
    {"TCP_INVALID_ACK_SEQUENCE", "its acknowledgement does not fit the connection",
     "on the balancer: lbd explain shows the backend of its flow"},
    {"TCP_RFC7323_PAWS", "its timestamp is older than the connection's (RFC 7323)", of_sender},
    {"TCP_RFC7323_PAWS_ACK", "its timestamp is older than the connection's (RFC 7323)", of_sender},
    {"TCP_RFC7323_TW_PAWS",
     "its timestamp is older than that of a connection that has just ended: several clients behind one address",
     "sysctl -w net.ipv4.tcp_timestamps=0 turns the check off"},
    {"TCP_RFC7323_TSECR", "it echoes a timestamp that was never sent (RFC 7323)", of_sender},
    // service
    {"SOCKET_FILTER", "a filter on the service's socket, or a BPF program of its cgroup", show_programs},
    {"SECURITY_HOOK", "a security module (SELinux, AppArmor)", "journalctl -k -g denied"},
    {"SOCKET_RCVBUFF", "the service reads too slowly: its receive buffer is full",
     "sysctl -w net.core.rmem_max=8388608, and a larger SO_RCVBUF in the service"},
    {"SOCKET_BACKLOG", "the service's socket is busy and its backlog is full", show_sockets},
    {"SOCKET_CLOSE", "the service has closed its socket", "ss -ltnup shows whether it listens"},
    {"TCP_LISTEN_OVERFLOW", "the service accepts too slowly: its queue is full",
     "sysctl -w net.core.somaxconn=65535, and a larger backlog in the service"},
    {"TCP_ZEROWINDOW", "the service reads too slowly: there is no window left", show_sockets},
    {"TCP_OVERWINDOW", "it is beyond the connection's window", of_sender},
    {"TCP_OFO_QUEUE_PRUNE", "too much arrived out of order for the service's receive buffer", show_sockets},
    {"PROTO_MEM", "the sockets use all the memory that they may use", more_memory},
    {"PACKET_SOCK_ERROR", "a packet capture could not receive it; other receivers may have", ""},
    {"QUEUE_PURGE", "its queue was discarded, as the socket or device was closed", ""},
    // answers
    {"BPF_CGROUP_EGRESS", "a BPF program of the service's cgroup drops its answers", show_programs},
    {"NEIGH_CREATEFAIL", "the neighbour table is full", "sysctl -w net.ipv4.neigh.default.gc_thresh3=8192"},
    {"NEIGH_FAILED", "the next hop of an answer does not answer ARP or neighbour discovery",
     "ip neighbour show; the router's address in ip route show"},
    {"NEIGH_QUEUEFULL", "too many answers wait for the next hop's MAC address",
     "ip neighbour show; the router's address in ip route show"},
    {"NEIGH_DEAD", "the neighbour entry of the next hop was deleted while an answer waited", ""},
    {"NEIGH_HH_FILLFAIL", "the next hop's frame header cannot be written", "ip neighbour show"},
    {"TC_EGRESS", "a tc filter drops answers", "tc filter show dev {device} egress"},
    {"QDISC_DROP", "the device's queue is full", show_queue},
    {"QDISC_OVERLIMIT", "the device's queue is full", show_queue},
    {"QDISC_CONGESTED", "the device's queue drops packets early, by design", show_queue},
    {"CAKE_FLOOD", "the device's queue (cake) considers its flow a flood", show_queue},
    {"DUALPI2_STEP_DROP", "the device's queue (dualpi2) drops packets early, by design", show_queue},
    {"FQ_BAND_LIMIT", "the device's queue (fq) is full for this priority", show_queue},
    {"FQ_HORIZON_LIMIT", "the packet is to be sent later than the queue (fq) allows", show_queue},
    {"FQ_FLOW_LIMIT", "one flow has too much in the device's queue (fq)", show_queue},
    {"SKB_GSO_SEG", "it cannot be cut into segments", "ethtool -K {device} tso off gso off"},
    {"SKB_UCOPY_FAULT", "its data could not be copied from the program that sent it", ""},
});

}  // namespace

std::span<const Meaning> meanings() { return table; }

std::optional<Meaning> meaning(std::string_view reason) {
    const auto* const known = std::ranges::find(table, reason, &Meaning::reason);
    return known == table.end() ? std::nullopt : std::optional(*known);
}

}  // namespace culvert::realserver
