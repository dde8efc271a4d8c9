/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map key and value of the balancer, shared by bpf/ (C) and lbd/ (C++). Padding is explicit, and both sides
 * assert the sizes. Fields named *_be, addresses and ports are in network order, all else in host order. Lengths are in
 * bytes.
 */
#ifndef CULVERT_BPF_ABI_H
#define CULVERT_BPF_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define LB_SIZE(type, size) static_assert(sizeof(type) == (size), "ABI: " #type)
#else
#define LB_SIZE(type, size) _Static_assert(sizeof(type) == (size), "ABI: " #type)
#endif

/* Raise this when anything below changes its shape or meaning. */
#define LB_ABI_VERSION 5

/* ---- Which frames are for this host: .data.own -------------------------------------------------------------------- */

/*
 * MAC addresses of this host's interfaces, each with the port at which frames for it arrive, and its VLANs. The last
 * byte of an address selects its line. A free way holds LB_MAC_NONE. Each program has a copy of its own, which user
 * space fills before the program sees packets.
 */
#define LB_MAC_LINES 256
#define LB_MAC_WAYS 8
#define LB_MAC_NONE (~0ULL)
#define LB_VLANS 4096
struct lb_own {
    __u64 macs[LB_MAC_LINES][LB_MAC_WAYS];
    __u64 vlans[LB_VLANS / 64]; /* a bit for each VLAN that has a device here */
    __u32 any_mac;              /* 1: too many MAC addresses to list, so every unicast frame counts as ours */
    __u32 unfinished;           /* enum lb_unfinished */
    __u64 zero;                 /* always 0; see packet_latency.h */
};
LB_SIZE(struct lb_own, 16912);

/* Packets whose sender left the TCP or UDP checksum to its card: whether they occur, and who completes the checksum. */
enum lb_unfinished {
    LB_UNFINISHED_NEVER = 0,
    LB_UNFINISHED_KERNEL = 1, /* generic XDP: the next sender completes it. Frames may be several packets, merged */
    LB_UNFINISHED_HERE = 2,   /* native XDP: nobody does it behind us */
};

/*
 * `bytes`: the first eight bytes of a frame, read in little-endian order; six of them are the address. `port`: the
 * lower 16 bits of the interface's index; 0 if there is only one interface.
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
    /* Length in bits if the VIP is a prefix with network `address`. 0: a single address; it wins over any prefix. */
    __u8 prefix;
} __attribute__((aligned(8))); /* compared as one number */
LB_SIZE(struct lb_vip4, 8);

struct lb_vip6 {
    __u8 address[16];
    __u16 port_be;
    __u8 protocol;
    __u8 prefix;
} __attribute__((aligned(4))); /* copied and compared as five numbers */
LB_SIZE(struct lb_vip6, 20);

/*
 * Tells of most addresses that no network contains them, so that packets for nobody here do not pay for a walk through
 * the trie. The first bytes of an address, four or eight, are tried with each mask in turn: the bit of their hash is set
 * if they are those of a network. A network that is longer than its mask sets the bit of a larger one.
 */
#define LB_FILTER_MASKS 4
#define LB_FILTER_BITS 4096u
struct lb_prefix_filter {
    __u64 mask[LB_FILTER_MASKS]; /* as in memory; those that are not needed are as the first */
    __u64 bits[LB_FILTER_BITS / 64];
};
LB_SIZE(struct lb_prefix_filter, 544);

static inline __u64 lb_filter_bit(__u64 masked)
{
    return masked * 0x9e3779b97f4a7c15ULL >> 52;
}

/*
 * The location of a service's Maglev table and of its destinations. A destination is one backend of one service. Its id
 * is dest_base plus the table's entry, so services with alike backends can share a table.
 */
struct lb_service {
    __u32 ring;      /* first line of the table in map rings */
    __u32 ring_size; /* entries; 0: no backend takes new flows */
    __u32 dest_base; /* id of the destination that the table calls 0 */
    __u32 flags;     /* enum lb_service_flag */
    /* First line in map transitions of the slots in transition; 0: all slots are settled. */
    __u32 transition;
};
LB_SIZE(struct lb_service, 20);

/*
 * How flows of a service are tracked. With none of EACH and NEVER it is "just enough": a flow of a settled slot is
 * where the Maglev table says, and the flow table only counts it.
 */
enum lb_service_flag {
    LB_SERVICE_STICKY = 1 << 0, /* new flows of one client address go to one backend */
    LB_SERVICE_DOWN = 1 << 1,   /* fewer backends are up than it needs; if none takes new flows, this is why */
    /* The packet program uses these as they stand, as bits of an index. */
    LB_SERVICE_ALL = 1 << 3,   /* all flows are counted, not a sample */
    LB_SERVICE_EACH = 1 << 4,  /* each flow is where its entry in the flow table says: UDP, sticky services */
    LB_SERVICE_NEVER = 1 << 5, /* no flow has an entry: each packet is where the Maglev table says */
};

/*
 * Maps vips4 and vips6 are hash tables in arrays. BPF_MAP_TYPE_HASH took 20 of the 60 ns of a known flow. A key is in
 * the line of its first choice or of its second; the second is read only if the first has `spilled`. Each map has two
 * halves: user space writes the idle one and then changes `vips_half`, so all services change at once.
 */
#define LB_VIP4_WAYS 2
struct lb_vip4_line {
    struct lb_vip4 key[LB_VIP4_WAYS];
    struct lb_service service[LB_VIP4_WAYS];
    __u32 used;    /* a bit for each way */
    __u32 spilled; /* keys that have this line as first choice but are in their second */
};
LB_SIZE(struct lb_vip4_line, 64);

#define LB_VIP6_WAYS 3
struct lb_vip6_line {
    struct lb_vip6 key[LB_VIP6_WAYS];
    struct lb_service service[LB_VIP6_WAYS];
    __u32 used;
    __u32 spilled;
};
LB_SIZE(struct lb_vip6_line, 128);

/* The finalizer of MurmurHash3. The upper half selects the first choice of a line, the lower half the second. */
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

/* Keys of LPM tries. A value is the lb_vip4 or lb_vip6 to look up next, with port and protocol zero. */
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
 * Maglev tables, mapped by user space. A value holds 32 entries, a cache line, as an array map pads every value to 8
 * bytes. The line behind a table begins with a 64-bit digest of its input. User space recognizes the table by it.
 */
#define LB_RING_LINE 32
struct lb_ring_line {
    __u16 dest[LB_RING_LINE];
};
LB_SIZE(struct lb_ring_line, 64);

/* ---- Slots in transition: map transitions ------------------------------------------------------------------------- */

/*
 * An entry of a Maglev table is a slot. The slot of a flow comes from the tag that its entry in the flow table keeps.
 */
static inline __u64 lb_slot(__u32 tag, __u32 size)
{
    return 1ULL * tag * size >> 32;
}

/*
 * When the backend of a slot changes, connections that the flow table does not know stay with the former one. For each
 * slot that is in transition, this map has the former backend and when it was last used. It has lines of 16 words:
 *
 *     1                the number of slots. It differs from the table's if the size of the table changes
 *     size / 512       a bit for each slot: it is in transition. Packets of other slots read no more than this
 *     size / 16        a word for each slot
 *
 * A word has the former backend in its lower half, as the Maglev table has it, and in the upper half the time at which
 * a packet was last sent there, in units of flow time.
 */
#define LB_TRANSITION_WORDS 16
#define LB_TRANSITION_BITS (LB_TRANSITION_WORDS * 32)
#define LB_NO_FORMER 0xffffu /* the former backend is gone, and there is none now */
struct lb_transition_line {
    __u32 word[LB_TRANSITION_WORDS];
};
LB_SIZE(struct lb_transition_line, 64);

/* The lines before the words. */
static inline __u32 lb_transition_head(__u32 slots)
{
    return 1 + (slots + LB_TRANSITION_BITS - 1) / LB_TRANSITION_BITS;
}

static inline __u32 lb_transition_lines(__u32 slots)
{
    return lb_transition_head(slots) + (slots + LB_TRANSITION_WORDS - 1) / LB_TRANSITION_WORDS;
}

/* ---- Where packets go: map dests ---------------------------------------------------------------------------------- */

enum lb_action {
    LB_ACTION_NONE = 0,  /* no such destination: a flow with this id chooses anew */
    LB_ACTION_DROP = 1,  /* drop, for `reason` (a next hop is unknown) */
    LB_ACTION_L2 = 2,    /* replace the Ethernet header by the template, send */
    LB_ACTION_ENCAP = 3, /* replace the Ethernet header by the template, patch it, send */
    LB_ACTION_L3DSR = 4, /* as L2, and rewrite destination address and DSCP */
};

enum lb_encap_flag {
    LB_ENCAP_OUTER6 = 1 << 0,   /* the outer header is IPv6 */
    LB_ENCAP_UDP = 1 << 1,      /* a UDP header follows it: set length and source port */
    LB_ENCAP_UDP_CSUM = 1 << 2, /* and checksum */
    LB_DEST_LEFT = 1 << 3,      /* the backend is down: a flow with this id chooses anew, only probes are sent there */
    LB_DEST_DOWN = 1 << 4,      /* checks found the backend down. No packet reads this, but the next lbd does */
    LB_DEST_SORRY = 1 << 5,     /* a sorry backend while others take flows: a UDP flow with this id chooses anew */
};

/* The longest: Ethernet with two tags 22, IPv6 40, UDP 8, a header of 8, inner Ethernet 14. */
#define LB_TEMPLATE_MAX 96
/* The program copies the first and the last 32 bytes of a template. The shortest is Ethernet + IPv4, 34 bytes. */
#define LB_TEMPLATE_MIN 32

struct lb_dest_body {
    __u8 action;   /* enum lb_action */
    __u8 reason;   /* enum lb_reason, for LB_ACTION_DROP */
    __u8 head_len; /* bytes of template that precede the client's IP header, Ethernet header included */
    __u8 l2_len;   /* bytes of it in Ethernet header and tags */
    __u8 flags;    /* enum lb_encap_flag */
    __u8 dscp;     /* LB_ACTION_L3DSR: 0..63 */
    __u16 mtu;     /* longest IP packet to put in, bytes */
    __u32 ifindex; /* interface to send by */
    __u16 ip_sum;  /* ones' complement sum of the outer IPv4 header with total length, TOS and checksum zero */
    /* The same sum of what the outer UDP checksum covers, without lengths, source port and the client's packet:
       addresses, protocol, destination port, and headers between UDP and the client's IP header. */
    __u16 udp_sum;
    __u8 bytes[LB_TEMPLATE_MAX]; /* the template; for L3DSR the new destination address follows the Ethernet header */
} __attribute__((aligned(8)));   /* the template is copied by eight bytes */
LB_SIZE(struct lb_dest_body, 112);

/*
 * Two bodies; `active` selects the valid one. User space writes the other one and then changes `active`, so no packet
 * sees half an update.
 */
struct lb_dest {
    struct {
        __u32 active; /* 0 or 1, used in slot[0] only: in one cache line with the body that is used first */
        __u32 pad[3];
        struct lb_dest_body body;
    } slot[2];
};
LB_SIZE(struct lb_dest, 256);

/* The owner of an id, even of one that is gone. Only user space reads it, as ids outlive lbd. Map owners, by id. */
#define LB_NAME_SIZE 64
struct lb_owner {
    char service[LB_NAME_SIZE]; /* with the terminating zero */
    char backend[LB_NAME_SIZE];
    __u32 block; /* number of ids of the service from this one on; 0: not the first id of its present block */
};
LB_SIZE(struct lb_owner, 132);

/* ---- Flows: map flows --------------------------------------------------------------------------------------------- */

/*
 * A bucket is a cache line of eight entries. An entry is one 64-bit word, written by one store:
 *
 *     63        52 51                 32 31                          4 3      0
 *     [ time, 12 ] [ destination id, 20 ] [ tag: top bits of hash, 28 ] [ state ]
 *
 * Zero is an empty entry, as destination ids begin at 1. Time counts units of 2^time_shift jiffies and wraps.
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
    /* A FIN or RST has come, perhaps not from the client, and no data since. No data follows either (RFC 9293, section
       3.6), so a new SYN may choose anew. Without LB_FLOW_SEEN the entry stands for the fragments of a packet. */
    LB_FLOW_CLOSING = 1 << 1,
    LB_FLOW_AGE = 1 << 2, /* two bits: the number of further time units with packets, at most LB_FLOW_AGE_MAX */
};
#define LB_FLOW_AGE_MAX 3u
#define LB_FLOW_AGE_OF(state) ((state) >> 2 & LB_FLOW_AGE_MAX)

/*
 * A full bucket evicts the entry of the highest rank, and among equals the one idle the longest. Thus a flood of short
 * flows can't evict flows that last.
 */
#define LB_FLOW_RANK_CLOSING 8ULL /* and above: nobody misses the entry */
#define LB_FLOW_RANK(state)                                                                                            \
    ((state)&LB_FLOW_CLOSING                                                                                           \
         ? (state)&LB_FLOW_SEEN ? LB_FLOW_RANK_CLOSING + LB_FLOW_AGE_MAX - LB_FLOW_AGE_OF(state) : 15ULL               \
     : (state)&LB_FLOW_SEEN ? 0ULL + LB_FLOW_AGE_MAX - LB_FLOW_AGE_OF(state)                                           \
                            : LB_FLOW_AGE_MAX + 1ULL)

struct lb_bucket {
    __u64 entry[LB_FLOW_WAYS];
};
LB_SIZE(struct lb_bucket, 64);

/*
 * Packets use a part of the map: the first `number of buckets >> shift`, which user space chooses by the number of
 * entries. When the part changes, user space moves each entry to its new bucket. So the highest bits of an index are
 * bits of the tag, which the entry has: as many as the part can be halved. Until all entries are moved, what is not in
 * its new bucket may be in its former one. `flow_part` has the shift in its lower byte, and the former one in the next.
 */
#define LB_FLOW_LEAST_PART (1u << 13) /* buckets, 512 KiB: what would be smaller is no faster */
#define LB_FLOW_MOST_SHIFT 4          /* each bit is one less to tell flows by */
#define LB_FLOW_INDEX_SHIFT 3 /* from the tag: neither bits by which flows are sampled nor the highest of a slot */
#define LB_FLOW_PART(shift, former) ((shift) | (former) << 8)
#define LB_FLOW_PART_SHIFT(part) ((part)&0xff)
#define LB_FLOW_PART_FORMER(part) ((part) >> 8 & 0xff)

/* The bits of an index that come from the tag. `mask`: number of buckets in the map - 1. */
static inline __u32 lb_flow_index_of_tag(__u32 mask)
{
    return mask & ~(mask >> LB_FLOW_MOST_SHIFT | (LB_FLOW_LEAST_PART - 1));
}

/* The index of a flow's bucket. `low`: the lower half of its hash. `used`: number of buckets in the part - 1. */
static inline __u32 lb_flow_index(__u32 low, __u32 tag, __u32 mask, __u32 used)
{
    __u32 of_tag = tag >> LB_FLOW_INDEX_SHIFT, of_hash = mask >> LB_FLOW_MOST_SHIFT | (LB_FLOW_LEAST_PART - 1);

    return (((low ^ of_tag) & of_hash) ^ of_tag) & used;
}

/* ---- Counters, per CPU: maps dest_counters, reasons --------------------------------------------------------------- */

struct lb_counters {
    __u64 packets;
    __u64 bytes; /* of the clients' IP packets, without Ethernet and outer headers */
    __u64 flows; /* new ones: opening packets; with LB_SERVICE_EACH, flows entered into the flow table */
    __u64 pad;
};
LB_SIZE(struct lb_counters, 32);

/* Why packets to a VIP were not forwarded, one reason for each; add at the end. LB_REASON(identifier, name, text) */
#define LB_REASONS(LB_REASON)                                                                                          \
    LB_REASON(TRUNCATED, "truncated", "the frame ends before its headers or its IP length say")                        \
    LB_REASON(IP_HEADER, "ip_header", "IP version, lengths or source address make no sense")                           \
    LB_REASON(IP_OPTIONS, "ip_options", "IPv4 options, or IPv6 extension headers that are too many or lead elsewhere") \
    LB_REASON(IP_CHECKSUM, "ip_checksum", "the IPv4 header checksum is wrong")                                         \
    LB_REASON(FRAGMENT, "fragment",                                                                                    \
              "an IP fragment whose first fragment hasn't been seen, or an ICMP error about such")                     \
    LB_REASON(L4_HEADER, "l4_header", "TCP, UDP, SCTP or ICMP header or length make no sense")                         \
    LB_REASON(TTL, "ttl", "TTL or hop limit has run out")                                                              \
    LB_REASON(TOO_BIG, "too_big", "too long for the path to the backend once encapsulated")                            \
    LB_REASON(NO_BACKEND, "no_backend", "the service has no backend that takes new flows")                             \
    LB_REASON(SERVICE_DOWN, "service_down", "fewer backends of the service are up than it needs")                      \
    LB_REASON(NO_ROUTE, "no_route", "no route to the backend")                                                         \
    LB_REASON(NO_NEIGHBOUR, "no_neighbour", "the MAC address of the backend or its router is not known")               \
    LB_REASON(NO_INTERFACE, "no_interface", "the backend is behind an interface that is not balanced on or is down")   \
    LB_REASON(NO_ROOM, "no_room", "the driver left no room in front of the packet")                                    \
    LB_REASON(INTERNAL, "internal", "a map lookup failed that cannot fail")                                            \
    LB_REASON(                                                                                                         \
        MERGED, "merged",                                                                                              \
        "several packets merged into one frame, longer than the MTU of its interface: ethtool -K DEVICE gro off "      \
        "lro off on it and its members, or tso off gso off on a veth's other end")                                     \
    LB_REASON(UNFINISHED, "unfinished",                                                                                \
              "its checksum was left to a card that does not exist: on the veth's other end ethtool -K DEVICE tx off") \
    LB_REASON(NOT_SENT, "not_sent", "the outgoing interface did not accept the frame from XDP")

enum lb_reason {
#define LB_REASON(identifier, name, text) LB_DROP_##identifier,
    LB_REASONS(LB_REASON)
#undef LB_REASON
        LB_REASON_COUNT
};

/* Other events that are counted: map events. LB_EVENT(identifier, name, text) */
#define LB_EVENTS(LB_EVENT)                                                                                            \
    LB_EVENT(ECHO, "echo", "echo requests to a VIP answered")                                                          \
    LB_EVENT(ICMP_ERROR, "icmp_error", "ICMP errors about a VIP's packets, sent on to the backend of the flow")        \
    LB_EVENT(TOO_BIG_SENT, "too_big_sent", "clients told to send smaller packets")                                     \
    LB_EVENT(TTL_SENT, "ttl_sent", "clients told that TTL or hop limit ran out")                                       \
    LB_EVENT(EVICTED, "evicted", "flows in use that were evicted to make room for new ones")

enum lb_event {
#define LB_EVENT(identifier, name, text) LB_EVENT_##identifier,
    LB_EVENTS(LB_EVENT)
#undef LB_EVENT
        LB_EVENT_COUNT
};

/* ---- Latency, per CPU: map latency -------------------------------------------------------------------------------- */

/* Measures one packet in this many. A prime, so that it is not always the same packet of a driver's poll. */
#define LB_LATENCY_EVERY 1021
#define LB_LATENCY_BUCKETS 24

/* Nanoseconds that the program took for packets that it sent on, with some tens of them for reading the clock. */
struct lb_latency {
    __u64 left;   /* packets until the next one that is measured */
    __u64 former; /* earlier programs of this ABI version leave a time here, so it may be anything */
    __u64 sum;
    /* Element i counts packets that took more than 2^(i-1) and up to 2^i; the last element counts all longer ones. */
    __u64 bucket[LB_LATENCY_BUCKETS];
};
LB_SIZE(struct lb_latency, 216);

/* ---- What is fixed when the program is loaded: .rodata ------------------------------------------------------------ */

struct lb_config {
    __u64 hash_final;   /* xor-ed in before the final mixing */
    __u32 hash_key[10]; /* random, the same on all balancers of a cluster; see flow.h */
    __u32 bucket_mask;  /* number of buckets - 1 */
    __u32 vip4_mask;    /* number of lines in a half - 1, of vips4 */
    __u32 vip6_mask;    /* and vips6 */
    __u32 time_shift;   /* log2 of jiffies in a unit of flow time */
    __u32 icmp_shift;   /* log2 of jiffies in which */
    __u32 icmp_rate;    /* a CPU may send this many ICMP errors of our own */
    __u32 own4_be;      /* the balancer's addresses, the source of "time exceeded"; zero: send none */
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
    __u8 dry_run;  /* don't change the flow table, and write into `story` how the choice was made */
};
LB_SIZE(struct lb_config, 104);

/* Result of a dry run for a packet that reached the flow table. */
struct lb_story {
    __u64 hash;  /* of its flow, or of the fragments of its packet; 0: it didn't reach the flow table */
    __u32 known; /* destination in the flow table; 0: none */
    /* Id of the destination that the service's table calls 0; 0: a later fragment, whose service is not known. */
    __u32 service;
    __u32 table_size; /* entries of the Maglev table that was read; 0: none was */
    __u32 slot;       /* index of the entry */
    __u32 chosen;     /* its content: a destination */
    __u32 former;     /* the flow is from before a transition: that destination; LB_STORY_NO_FORMER: it is gone */
};
#define LB_STORY_NO_FORMER 0xffffffffu
LB_SIZE(struct lb_story, 32);

#endif
