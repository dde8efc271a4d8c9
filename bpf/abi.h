/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map key and value of the balancer, shared by bpf/ (C) and lbd/ (C++). Padding is explicit, sizes are asserted on
 * both sides. Fields named *_be, addresses and ports are in network order, all else in host order; lengths are bytes.
 */
#ifndef CULVERT_BPF_ABI_H
#define CULVERT_BPF_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define LB_SIZE(type, size) static_assert(sizeof(type) == (size), "ABI: " #type)
#else
#define LB_SIZE(type, size) _Static_assert(sizeof(type) == (size), "ABI: " #type)
#endif

/* Raised whenever anything below changes shape or meaning. */
#define LB_ABI_VERSION 4

/* ---- Which frames are for this host: .data.own -------------------------------------------------------------------- */

/*
 * MAC addresses of this host's interfaces, each with the port by which frames for it come, and its VLANs. A key is in the line of its
 * address's last byte; a place that is free has LB_MAC_NONE. Every program has its own: user space fills it before packets see the program.
 */
#define LB_MAC_LINES 256
#define LB_MAC_WAYS 8
#define LB_MAC_NONE (~0ULL)
#define LB_VLANS 4096
struct lb_own {
    __u64 macs[LB_MAC_LINES][LB_MAC_WAYS];
    __u64 vlans[LB_VLANS / 64]; /* a bit for each VLAN that there is a device for */
    __u32 any_mac;              /* 1: there are too many MAC addresses, so that every unicast frame counts as ours */
    __u32 unfinished;           /* enum lb_unfinished */
};
LB_SIZE(struct lb_own, 16904);

/* Packets whose TCP or UDP checksum the sender has left to its card: whether they come, and who finishes it. */
enum lb_unfinished {
    LB_UNFINISHED_NEVER = 0,
    LB_UNFINISHED_KERNEL = 1, /* generic XDP: who sends the frame on. Frames may also be several, merged */
    LB_UNFINISHED_HERE = 2,   /* native XDP: nobody behind us */
};

/*
 * `bytes`: the first eight of a frame as a little-endian processor reads them, of which six are the address. `port`: index of the
 * interface, of which 16 bits do; 0 where there is only one, so that it doesn't matter.
 */
static inline __u64 lb_mac_key(__u64 bytes, __u32 port)
{
    return bytes << 16 | (port & 0xffff);
}

/* ---- Which service a packet is for: maps vips4 and vips6, prefixes4 and prefixes6 --------------------------------- */

/* port_be 0 with a protocol: all its ports. port_be 0 and protocol 0: the address is a VIP of some service. */
struct lb_vip4 {
    __u8 address[4];
    __u16 port_be;
    __u8 protocol;
    /* Bits, of a VIP that is a prefix and `address` its network; 0: a single address, which wins over any prefix. */
    __u8 prefix;
};
LB_SIZE(struct lb_vip4, 8);

struct lb_vip6 {
    __u8 address[16];
    __u16 port_be;
    __u8 protocol;
    __u8 prefix;
};
LB_SIZE(struct lb_vip6, 20);

/*
 * Where a service's Maglev table and its destinations are. A destination is one backend of one service; its id is dest_base
 * plus what the table holds, so services with alike backends can share a table.
 */
struct lb_service {
    __u32 ring;      /* first line of the table in map rings */
    __u32 ring_size; /* entries; 0: no backend takes new flows */
    __u32 dest_base; /* id of the destination that the table calls 0 */
    __u32 flags;     /* enum lb_service_flag */
};
LB_SIZE(struct lb_service, 16);

enum lb_service_flag {
    LB_SERVICE_STICKY = 1 << 0, /* new flows of one client address go to one backend */
    LB_SERVICE_DOWN = 1 << 1, /* fewer backends are up than it needs: that is why none takes new flows, if none does */
};

/*
 * Maps vips4 and vips6 are hash tables in arrays, which took 20 ns off a known flow's 60 with BPF_MAP_TYPE_HASH. A key is in the
 * line of its first choice or in that of its second, which is looked at only if the first has `spilled`. Each map has two halves:
 * user space writes the idle one, then changes `vips_half`, so that all services change at once.
 */
#define LB_VIP4_WAYS 2
struct lb_vip4_line {
    struct lb_vip4 key[LB_VIP4_WAYS];
    struct lb_service service[LB_VIP4_WAYS];
    __u32 used;    /* a bit for each way */
    __u32 spilled; /* keys whose first choice this is that had to take their second */
    __u32 pad[2];
};
LB_SIZE(struct lb_vip4_line, 64);

#define LB_VIP6_WAYS 3
struct lb_vip6_line {
    struct lb_vip6 key[LB_VIP6_WAYS];
    struct lb_service service[LB_VIP6_WAYS];
    __u32 used;
    __u32 spilled;
    __u32 pad[3];
};
LB_SIZE(struct lb_vip6_line, 128);

/* The finalizer of MurmurHash3. The upper half is the first choice of a line, the lower half the second. */
static inline __u64 lb_vip_mix(__u64 h)
{
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return h ^ (h >> 33);
}

static inline __u64 lb_vip4_hash(const struct lb_vip4 *key)
{
    __u64 whole;

    __builtin_memcpy(&whole, key, sizeof(whole));
    return lb_vip_mix(whole);
}

static inline __u64 lb_vip6_hash(const struct lb_vip6 *key)
{
    __u64 network, host;
    __u32 port;

    __builtin_memcpy(&network, key->address, sizeof(network));
    __builtin_memcpy(&host, key->address + sizeof(network), sizeof(host));
    __builtin_memcpy(&port, &key->port_be, sizeof(port));
    return lb_vip_mix((network * 0x9e3779b97f4a7c15ULL + host) * 0xc2b2ae3d27d4eb4fULL + port);
}

/* Keys of LPM tries whose values are the lb_vip4 or lb_vip6, port and protocol zero, by which to go on. */
struct lb_prefix4 {
    __u32 length; /* bits */
    __u8 address[4];
};
LB_SIZE(struct lb_prefix4, 8);

struct lb_prefix6 {
    __u32 length;
    __u8 address[16];
};
LB_SIZE(struct lb_prefix6, 20);

/*
 * Maglev tables, mapped by user space: 32 entries to a cache line, as an array map pads every value to 8 bytes. The line behind a
 * table begins with a 64-bit digest of what the table was made from, by which user space knows it again.
 */
#define LB_RING_LINE 32
struct lb_ring_line {
    __u16 dest[LB_RING_LINE];
};
LB_SIZE(struct lb_ring_line, 64);

/* ---- Where packets go: map dests ---------------------------------------------------------------------------------- */

enum lb_action {
    LB_ACTION_NONE = 0,  /* no such destination: a flow that names it chooses anew */
    LB_ACTION_DROP = 1,  /* drop, for `reason` (a next hop is unknown) */
    LB_ACTION_L2 = 2,    /* replace the Ethernet header by the template, send */
    LB_ACTION_ENCAP = 3, /* replace the Ethernet header by the template, patch it, send */
    LB_ACTION_L3DSR = 4, /* as L2, and rewrite destination address and DSCP */
};

enum lb_encap_flag {
    LB_ENCAP_OUTER6 = 1 << 0,   /* the outer header is IPv6 */
    LB_ENCAP_UDP = 1 << 1,      /* a UDP header follows it: set length and source port */
    LB_ENCAP_UDP_CSUM = 1 << 2, /* and checksum */
    LB_DEST_LEFT = 1 << 3,      /* the backend is down: a flow that names it chooses anew, only probes go there */
    LB_DEST_DOWN = 1 << 4,      /* checks found the backend down: no packet asks, but the next lbd does */
    LB_DEST_SORRY = 1 << 5,     /* it says sorry, and others take flows: a UDP flow that names it chooses anew */
};

/* Longest: Ethernet with two tags 22, IPv6 40, UDP 8, a header of 8, inner Ethernet 14. */
#define LB_TEMPLATE_MAX 96
/* The template is copied as its first and its last 32 bytes, so an encapsulation can't be shorter. Ethernet + IPv4 is 34. */
#define LB_TEMPLATE_MIN 32

struct lb_dest_body {
    __u8 action;   /* enum lb_action */
    __u8 reason;   /* enum lb_reason, for LB_ACTION_DROP */
    __u8 head_len; /* bytes of template that precede the client's IP header, Ethernet header included */
    __u8 l2_len;   /* bytes of it that are Ethernet header and tags */
    __u8 flags;    /* enum lb_encap_flag */
    __u8 dscp;     /* LB_ACTION_L3DSR: 0..63 */
    __u16 mtu;     /* longest IP packet that may go in, bytes */
    __u32 ifindex; /* interface to send by */
    __u16 ip_sum;  /* ones' complement sum of the outer IPv4 header with total length, TOS and checksum zero */
    /* The same of what the outer UDP checksum covers but for lengths, source port and the client's packet: addresses,
       protocol, destination port, and headers between UDP and the client's IP header. */
    __u16 udp_sum;
    __u8 bytes[LB_TEMPLATE_MAX]; /* the template; for L3DSR the new destination address follows the Ethernet header */
};
LB_SIZE(struct lb_dest_body, 112);

/*
 * Two bodies, of which `active` says which one counts: user space writes the other one, then changes `active`, so that no
 * packet sees half of an update.
 */
struct lb_dest {
    struct {
        __u32 active; /* 0 or 1, meaningful in slot[0] only: in one cache line with the body that is used at first */
        __u32 pad[3];
        struct lb_dest_body body;
    } slot[2];
};
LB_SIZE(struct lb_dest, 256);

/* Whose an id is, also if it is gone: user space's own, as ids outlive it. Map owners, by id. */
#define LB_NAME_SIZE 64
struct lb_owner {
    char service[LB_NAME_SIZE]; /* with the terminating zero */
    char backend[LB_NAME_SIZE];
    __u32 block; /* ids that the service has from this one on; 0: this is not the first one of its present block */
};
LB_SIZE(struct lb_owner, 132);

/* ---- Flows: map flows --------------------------------------------------------------------------------------------- */

/*
 * A bucket is a cache line of eight entries, an entry is one 64-bit word, written by one store:
 *
 *     63        52 51                 32 31                          4 3      0
 *     [ time, 12 ] [ destination id, 20 ] [ tag: top bits of hash, 28 ] [ state ]
 *
 * Zero is an empty entry: destination ids begin at 1. Time counts units of 2^time_shift jiffies and wraps.
 */
#define LB_FLOW_WAYS 8
#define LB_FLOW_STATE_BITS 4
#define LB_FLOW_DEST_SHIFT 32
#define LB_FLOW_DEST_BITS 20
#define LB_FLOW_TIME_SHIFT 52
#define LB_FLOW_TIME_BITS 12
#define LB_FLOW_TIME_MAX ((1u << LB_FLOW_TIME_BITS) - 1)
#define LB_DEST_MAX (1u << LB_FLOW_DEST_BITS)

enum lb_flow_state {
    LB_FLOW_SEEN = 1 << 0, /* more than one packet came */
    /* A FIN or RST came, maybe not from the client, and since then no data, of which there is none after either (RFC 9293, section
       3.6): a new SYN may choose anew. Without LB_FLOW_SEEN it is no flow but what the fragments of a packet have in common. */
    LB_FLOW_CLOSING = 1 << 1,
    LB_FLOW_AGE = 1 << 2, /* two bits: in how many further units of time packets came, at most LB_FLOW_AGE_MAX */
};
#define LB_FLOW_AGE_MAX 3u
#define LB_FLOW_AGE_OF(state) ((state) >> 2 & LB_FLOW_AGE_MAX)

/*
 * When a bucket is full, the entry of the highest rank makes room, and of several the one that has been idle the longest. So what comes
 * fast, be it packets enough, doesn't push out what lasts.
 */
#define LB_FLOW_RANK_CLOSING 8ULL /* and above: nobody misses it */
#define LB_FLOW_RANK(state)                                                                                            \
    ((state)&LB_FLOW_CLOSING                                                                                           \
         ? (state)&LB_FLOW_SEEN ? LB_FLOW_RANK_CLOSING + LB_FLOW_AGE_MAX - LB_FLOW_AGE_OF(state) : 15ULL               \
     : (state)&LB_FLOW_SEEN ? 0ULL + LB_FLOW_AGE_MAX - LB_FLOW_AGE_OF(state)                                           \
                            : LB_FLOW_AGE_MAX + 1ULL)

struct lb_bucket {
    __u64 entry[LB_FLOW_WAYS];
};
LB_SIZE(struct lb_bucket, 64);

/* ---- Counters, per CPU: maps dest_counters, reasons --------------------------------------------------------------- */

struct lb_counters {
    __u64 packets;
    __u64 bytes; /* of the clients' IP packets, without Ethernet and outer headers */
    __u64 flows; /* entered into the flow table */
    __u64 pad;
};
LB_SIZE(struct lb_counters, 32);

/*
 * Why packets to a VIP were not forwarded, each drop for exactly one reason, and what else is worth counting.
 * LB_REASON(identifier, name, text)
 */
#define LB_REASONS(LB_REASON)                                                                                          \
    LB_REASON(TRUNCATED, "truncated", "the frame ends before its headers or its IP length say")                        \
    LB_REASON(IP_HEADER, "ip_header", "IP version, lengths or source address make no sense")                           \
    LB_REASON(IP_OPTIONS, "ip_options", "IPv4 options, or IPv6 extension headers that are too many or lead elsewhere") \
    LB_REASON(IP_CHECKSUM, "ip_checksum", "the IPv4 header checksum is wrong")                                         \
    LB_REASON(FRAGMENT, "fragment",                                                                                    \
              "an IP fragment whose first fragment hasn't been seen, or an ICMP error about such")                     \
    LB_REASON(L4_HEADER, "l4_header", "TCP, UDP, SCTP or ICMP header or length make no sense")                         \
    LB_REASON(TTL, "ttl", "TTL or hop limit has run out")                                                              \
    LB_REASON(TOO_BIG, "too_big", "longer than the path to the backend takes once encapsulated")                       \
    LB_REASON(NO_BACKEND, "no_backend", "the service has no backend that takes new flows")                             \
    LB_REASON(SERVICE_DOWN, "service_down", "fewer backends of the service are up than it needs")                      \
    LB_REASON(NO_ROUTE, "no_route", "no route to the backend")                                                         \
    LB_REASON(NO_NEIGHBOUR, "no_neighbour", "the MAC address of the backend or its router is not known")               \
    LB_REASON(NO_INTERFACE, "no_interface", "the backend is behind an interface that is not balanced on or is down")   \
    LB_REASON(NO_ROOM, "no_room", "the driver left no room in front of the packet")                                    \
    LB_REASON(INTERNAL, "internal", "a map lookup failed that cannot fail")                                            \
    LB_REASON(MERGED, "merged",                                                                                        \
              "several in one frame, longer than the MTU of what it came in by: ethtool -K DEVICE gro off lro off "    \
              "there and on its members, or of a veth's other end tso off gso off")                                    \
    LB_REASON(UNFINISHED, "unfinished",                                                                                \
              "its checksum was left to a card, and there is none: on the veth's other end ethtool -K DEVICE tx off")  \
    LB_REASON(NOT_SENT, "not_sent", "the interface to leave by did not take the frame from XDP")

enum lb_reason {
#define LB_REASON(identifier, name, text) LB_DROP_##identifier,
    LB_REASONS(LB_REASON)
#undef LB_REASON
        LB_REASON_COUNT
};

/* What else is worth counting: map events. LB_EVENT(identifier, name, text) */
#define LB_EVENTS(LB_EVENT)                                                                                            \
    LB_EVENT(ECHO, "echo", "echo requests to a VIP answered")                                                          \
    LB_EVENT(ICMP_ERROR, "icmp_error", "ICMP errors about a VIP's packets, sent on to the backend of the flow")        \
    LB_EVENT(TOO_BIG_SENT, "too_big_sent", "clients told to send smaller packets")                                     \
    LB_EVENT(TTL_SENT, "ttl_sent", "clients told that TTL or hop limit ran out")                                       \
    LB_EVENT(EVICTED, "evicted", "flows in use that had to make room for new ones")

enum lb_event {
#define LB_EVENT(identifier, name, text) LB_EVENT_##identifier,
    LB_EVENTS(LB_EVENT)
#undef LB_EVENT
        LB_EVENT_COUNT
};

/* ---- Latency, per CPU: map latency -------------------------------------------------------------------------------- */

/* One in so many packets has its time taken: a prime, or it would always be the same one of those that a driver polls at once. */
#define LB_LATENCY_EVERY 1021
#define LB_LATENCY_BUCKETS 24

/* Nanoseconds that the program took for packets that it sent on; reading the clock, some tens of them, is included. */
struct lb_latency {
    __u64 left;  /* packets that pass before the next one has its time taken */
    __u64 begin; /* when the present packet came, 0 if its time is not taken */
    __u64 sum;
    /* How many took more than 2^(i-1) and up to 2^i; in the last one all that took longer. */
    __u64 bucket[LB_LATENCY_BUCKETS];
};
LB_SIZE(struct lb_latency, 216);

/* ---- What is fixed when the program is loaded: .rodata ------------------------------------------------------------ */

struct lb_config {
    __u64 hash_final;   /* xor-ed in before the last mixing */
    __u32 hash_key[10]; /* random, the same on all balancers of a cluster; see flow.h */
    __u32 bucket_mask;  /* number of buckets - 1 */
    __u32 vip4_mask;    /* number of lines in a half - 1, of vips4 */
    __u32 vip6_mask;    /* and vips6 */
    __u32 time_shift;   /* log2 of jiffies in a unit of flow time */
    __u32 icmp_shift;   /* log2 of jiffies in which */
    __u32 icmp_rate;    /* a CPU may send so many ICMP errors of our own */
    __u32 own4_be;      /* the balancer's addresses, the source of "time exceeded"; zero: none is sent */
    __u32 own6_be[4];
    __u8 ipv4; /* switches: there are VIPs of this family, */
    __u8 ipv6;
    __u8 prefixes;  /* VIPs that are prefixes, */
    __u8 all_ports; /* services for all ports, */
    __u8 sticky;    /* sticky services, */
    __u8 l3dsr;     /* destinations of this kind, */
    __u8 l2;
    __u8 encap;
    __u8 vlan;     /* tagged frames, */
    __u8 redirect; /* more than one interface */
    __u8 latency;  /* sampled */
    __u8 dry_run;  /* leave the flow table alone, and tell how the choice was made: `story` */
};
LB_SIZE(struct lb_config, 104);

/* What a dry run found out about a packet that got as far as the flow table. */
struct lb_story {
    __u64 hash;  /* of its flow, or of what the fragments of a packet have in common; 0: it didn't get there */
    __u32 known; /* destination that the flow table has; 0: none */
    /* Id of the service's destination that its table calls 0; 0: a later fragment, of no known service. */
    __u32 service;
    __u32 table_size; /* entries of the Maglev table that was asked; 0: none was */
    __u32 slot;       /* the entry */
    __u32 chosen;     /* and what it said: a destination */
    __u32 pad;
};
LB_SIZE(struct lb_story, 32);

#endif
