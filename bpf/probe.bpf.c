/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Health checks. `probe` does to a probe what `lb` does to a client's packet, with the same code and the same
 * destination. lbd runs it by BPF_PROG_TEST_RUN and sends the result. `answer`, at the interfaces' ingress, gives
 * answers to probes to lbd before the stack sees them: the stack may have the VIP itself, or no route to it
 * (rp_filter). `steer` separates lbd's own probes and their answers from everybody else's packets.
 */
#include <linux/pkt_cls.h>

#include "forward.h"
#include "maps.h"
#include "packet.h"
#include "probe_abi.h"

/* All switches on; user space sets the random ones. */
const volatile struct lb_config config;
/* The interface at which lbd receives answers. */
const volatile __u32 probe_device;
/* The mark of an answer on its way to that interface, plus its queue: a random number that nobody else sets. */
const volatile __u32 answer_mark;
/* The user of lbd. */
const volatile __u32 own_uid;
/* The interface that the last probe leaves through. */
__u32 probe_port;

struct probe_map {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __type(key, struct probe_key);
    __type(value, struct probe_state);
    __uint(max_entries, PROBE_MAX);
};
struct probe_map script_probes SEC(".maps");
struct probe_map other_probes SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __type(key, struct probe_key);
    __type(value, struct probe_state);
    __uint(max_entries, PROBE_MAX_OWN);
} own_probes SEC(".maps");

/* The cookies of lbd's own sockets. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __type(key, __u64);
    __type(value, __u8);
    __uint(max_entries, PROBE_SOCKETS);
} own_sockets SEC(".maps");

struct ports {
    __be16 source;
    __be16 destination;
};

/* The L4 header's first four bytes are ports. An echo has its identifier in the next four instead. */
static __always_inline int is_echo(__u8 protocol)
{
    return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static __always_inline __u32 queue_of(const struct probe_key *key)
{
    __u16 port = bpf_ntohs(key->own_port_be);

    return port >= PROBE_PORTS_OWN       ? PROBE_QUEUE_OWN
           : port >= PROBE_PORTS_SCRIPTS ? PROBE_QUEUE_SCRIPTS
                                         : PROBE_QUEUE_OTHERS;
}

static __always_inline int remember(const struct packet *p, struct probe_key *key, void *l4, void *data_end)
{
    struct probe_state state = {};
    struct icmphdr *icmp = l4;
    struct ports *ports = l4;
    struct tcphdr *tcp = l4;

    if ((void *)(icmp + 1) > data_end)
        return -1;
    key->protocol = p->protocol;
    if (is_echo(p->protocol)) {
        key->own_port_be = (__u16)icmp->parameter;
    } else {
        key->own_port_be = ports->source;
        key->vip_port_be = ports->destination;
    }
    if (p->protocol == IPPROTO_TCP) {
        if ((void *)(tcp + 1) > data_end)
            return -1;
        state.sent = bpf_ntohl(tcp->seq);
        state.acked = bpf_ntohl(tcp->ack_seq);
    }
    switch (queue_of(key)) {
    case PROBE_QUEUE_OWN:
        return (int)bpf_map_update_elem(&own_probes, key, &state, BPF_ANY);
    case PROBE_QUEUE_SCRIPTS:
        return (int)bpf_map_update_elem(&script_probes, key, &state, BPF_ANY);
    default:
        return (int)bpf_map_update_elem(&other_probes, key, &state, BPF_ANY);
    }
}

/* A UDP checksum of zero over IPv4 covers nothing. */
static __always_inline __u8 is_lean(const struct packet *p, void *l4, void *data_end)
{
    struct udphdr *udp = l4;

    return p->protocol != IPPROTO_UDP || ((void *)(udp + 1) <= data_end && udp->check);
}

/* The first four bytes of the frame, which has no Ethernet header yet, are the destination's id. */
SEC("xdp")
int probe(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
    struct packet p = {.l2_length = ETH_HLEN, .kind = PACKET_WHOLE, .port = port_of(ctx)};
    const struct lb_dest_body *dest;
    struct probe_key key = {};
    struct ethhdr *eth = data;
    void *l3 = eth + 1, *l4;
    int inner6;
    __u32 id;

    if (l3 > data_end)
        return XDP_ABORTED;
    id = *(__u32 *)data;
    inner6 = eth->h_proto == bpf_htons(ETH_P_IPV6);
    if (inner6) {
        struct ipv6hdr *ip = l3;

        l4 = ip + 1;
        if (l4 > data_end)
            return XDP_ABORTED;
        key.family = 6;
        __builtin_memcpy(key.vip, &ip->daddr, sizeof(key.vip));
        __builtin_memcpy(key.own, &ip->saddr, sizeof(key.own));
        p.protocol = ip->nexthdr;
        p.length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
        p.l4_offset = sizeof(*ip);
    } else {
        struct iphdr *ip = l3;

        l4 = ip + 1;
        if (l4 > data_end || ip->ihl != 5)
            return XDP_ABORTED;
        key.family = 4;
        __builtin_memcpy(key.vip, &ip->daddr, sizeof(ip->daddr));
        __builtin_memcpy(key.own, &ip->saddr, sizeof(ip->saddr));
        p.protocol = ip->protocol;
        p.tos = ip->tos;
        p.length = bpf_ntohs(ip->tot_len);
        p.l4_offset = sizeof(*ip);
    }
    p.l4_length = p.length - p.l4_offset;
    p.lean = is_lean(&p, l4, data_end);
    if (remember(&p, &key, l4, data_end))
        return XDP_ABORTED;
    /* A different outer source port for each probe, so that no check is stuck on one of several paths. */
    p.hash = (__u64)key.own_port_be * 0x9e3779b97f4a7c15ULL;

    dest = find_dest(id);
    if (!dest || dest->action == LB_ACTION_DROP || p.length > dest->mtu)
        return XDP_ABORTED;
    probe_port = dest->ifindex;
    return inner6 ? forward(ctx, &p, dest, 1) : forward(ctx, &p, dest, 0);
}

/*
 * Sets the key of the probe that this packet would answer. Returns the offset of the L4 header, 0 if it is no answer.
 */
static __always_inline __u32 read_answer(struct __sk_buff *skb, struct probe_key *key)
{
    __u32 l4 = ETH_HLEN;
    struct ports ports;

    if (skb->protocol == bpf_htons(ETH_P_IP)) {
        struct iphdr ip;

        if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) || ip.frag_off & bpf_htons(0x3fff))
            return 0;
        __builtin_memcpy(key->vip, &ip.saddr, sizeof(ip.saddr));
        __builtin_memcpy(key->own, &ip.daddr, sizeof(ip.daddr));
        key->family = 4;
        key->protocol = ip.protocol;
        l4 += ip.ihl * 4;
    } else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
        struct ipv6hdr ip;

        if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
            return 0;
        __builtin_memcpy(key->vip, &ip.saddr, sizeof(key->vip));
        __builtin_memcpy(key->own, &ip.daddr, sizeof(key->own));
        key->family = 6;
        key->protocol = ip.nexthdr;
        l4 += sizeof(ip);
    } else {
        return 0;
    }
    if (is_echo(key->protocol))
        return bpf_skb_load_bytes(skb, l4 + 4, &key->own_port_be, sizeof(key->own_port_be)) ? 0 : l4;
    if (key->protocol != IPPROTO_TCP && key->protocol != IPPROTO_UDP)
        return 0;
    if (bpf_skb_load_bytes(skb, l4, &ports, sizeof(ports)))
        return 0;
    key->vip_port_be = ports.source;
    key->own_port_be = ports.destination;
    return l4;
}

/*
 * Only a host that has seen the probe can pass this without guessing: it acknowledges bytes that were sent, and a reset
 * without ACK (RFC 9293, section 3.10.7.1) begins where the probe's own acknowledgement ended.
 */
static __always_inline int is_plausible(struct __sk_buff *skb, __u32 l4, const struct probe_state *state)
{
    struct tcphdr tcp;

    if (bpf_skb_load_bytes(skb, l4, &tcp, sizeof(tcp)))
        return 0;
    if (tcp.ack)
        return bpf_ntohl(tcp.ack_seq) - state->sent + PROBE_WINDOW <= 2 * PROBE_WINDOW;
    return bpf_ntohl(tcp.seq) - state->acked <= PROBE_WINDOW;
}

SEC("tc")
int answer(struct __sk_buff *skb)
{
    struct probe_key key = {};
    const struct probe_state *state;
    __u32 l4 = read_answer(skb, &key), queue;

    if (!l4)
        return TC_ACT_UNSPEC;
    queue = queue_of(&key);
    state = queue == PROBE_QUEUE_OWN       ? bpf_map_lookup_elem(&own_probes, &key)
            : queue == PROBE_QUEUE_SCRIPTS ? bpf_map_lookup_elem(&script_probes, &key)
                                           : bpf_map_lookup_elem(&other_probes, &key);
    if (!state || (queue == PROBE_QUEUE_OWN && key.protocol == IPPROTO_TCP && !is_plausible(skb, l4, state)))
        return TC_ACT_UNSPEC;
    if (skb->vlan_present && bpf_skb_vlan_pop(skb))
        return TC_ACT_SHOT;
    skb->mark = answer_mark + queue;
    return (int)bpf_redirect(probe_device, 0);
}

/* The queue by which a packet leaves the probes' device. A packet from elsewhere has no socket on this host. */
SEC("socket")
int steer(struct __sk_buff *skb)
{
    __u32 queue = skb->mark - answer_mark;
    __u64 cookie;

    if (queue < PROBE_QUEUES)
        return (int)queue;
    cookie = bpf_get_socket_cookie(skb);
    if (cookie && bpf_map_lookup_elem(&own_sockets, &cookie))
        return PROBE_QUEUE_OWN;
    return bpf_get_socket_uid(skb) == own_uid ? PROBE_QUEUE_SCRIPTS : PROBE_QUEUE_OTHERS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
