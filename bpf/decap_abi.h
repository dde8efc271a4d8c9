/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map key and value of the decapsulator, shared by bpf/ (C) and realserver/ (C++). Padding is explicit, and both
 * sides assert the sizes. Fields named *_be and addresses are in network order, all else in host order. Lengths are in
 * bytes.
 */
#ifndef CULVERT_BPF_DECAP_ABI_H
#define CULVERT_BPF_DECAP_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define DECAP_SIZE(type, size) static_assert(sizeof(type) == (size), "ABI: " #type)
#else
#define DECAP_SIZE(type, size) _Static_assert(sizeof(type) == (size), "ABI: " #type)
#endif

/* Raise this when anything below changes its shape or meaning. */
#define DECAP_ABI_VERSION 3

/* ---- Whom and what to let in: maps own (a hash), balancers and vips (tries) ---------------------------------------- */

/* IPv4 addresses are written as IPv6: ::ffff:192.0.2.1 (RFC 4291, section 2.5.5.2). */
struct decap_address {
    __u32 word_be[4];
};
DECAP_SIZE(struct decap_address, 16);

struct decap_prefix {
    __u32 length; /* bits; for IPv4 96 more */
    struct decap_address address;
};
DECAP_SIZE(struct decap_prefix, 20);

/* ---- What to decapsulate: maps tunnels and networks, and struct decap_config --------------------------------------- */

/* The encapsulations; add new ones at the end: DECAP_KIND(identifier, name) */
#define DECAP_KINDS(DECAP_KIND)                                                                                        \
    DECAP_KIND(IPIP, "ipip")                                                                                           \
    DECAP_KIND(GRE, "gre")                                                                                             \
    DECAP_KIND(FOU, "fou")                                                                                             \
    DECAP_KIND(GUE, "gue")                                                                                             \
    DECAP_KIND(GENEVE, "geneve")

enum decap_kind {
#define DECAP_KIND(identifier, name) DECAP_##identifier,
    DECAP_KINDS(DECAP_KIND)
#undef DECAP_KIND
        DECAP_KIND_COUNT
};

/* What a tunnel may carry. */
enum decap_inner {
    DECAP_INNER4 = 1 << 0,
    DECAP_INNER6 = 1 << 1,
    DECAP_INNER_GRE = 1 << 2, /* GRE that carries IPv4 or IPv6: only in FOU and GUE */
};

struct decap_port {
    __u16 port_be; /* UDP destination port */
    __u8 outer6;   /* 1: over IPv6 */
    __u8 pad;
};
DECAP_SIZE(struct decap_port, 4);

struct decap_tunnel {
    __u8 kind;          /* enum decap_kind: FOU, GUE or GENEVE */
    __u8 inner;         /* enum decap_inner; exactly one for FOU */
    __u16 peer_port_be; /* 0: any */
    __u32 pad;
    struct decap_address local; /* zero: any of this host's */
    struct decap_address peer;  /* zero: any balancer */
};
DECAP_SIZE(struct decap_tunnel, 40);

/* A network (VNI) of a Geneve port: map networks. */
struct decap_network {
    struct decap_port port;
    __u32 vni;
};
DECAP_SIZE(struct decap_network, 8);

/* The treatment of packets from strangers, for no VIP, from impossible sources, and in a second tunnel. */
enum decap_guard {
    DECAP_GUARD_STRICT, /* dropped and counted */
    DECAP_GUARD_LOG,    /* counted */
    DECAP_GUARD_OFF,
};

/* Fixed when the program is loaded: .rodata. Index 0 is for outer IPv4, 1 for outer IPv6. */
struct decap_config {
    __u32 version; /* DECAP_ABI_VERSION */
    __u8 ipip[2];  /* enum decap_inner; 0: disabled */
    __u8 gre[2];
    __u8 udp[2];  /* switches: map tunnels has ports of this family, */
    __u8 udp_gre; /* or with GRE in them */
    __u8 guard;   /* enum decap_guard */
    __u32 kinds;  /* a bit for each enum decap_kind that map tunnels has */
};
DECAP_SIZE(struct decap_config, 16);

/* ---- Counters, per CPU: maps received (by enum decap_kind), reasons, let_pass-------------------------------------------- */

struct decap_counters {
    __u64 packets;
    __u64 bytes; /* of the inner IP packets */
};
DECAP_SIZE(struct decap_counters, 16);

/*
 * Why packets to a tunnel were not decapsulated. Each drop has exactly one reason. Add new ones at the end.
 * DECAP_REASON(identifier, name, text)
 */
#define DECAP_REASONS(DECAP_REASON)                                                                                    \
    DECAP_REASON(SOURCE, "source", "it comes from none of the balancers")                                              \
    DECAP_REASON(FRAGMENT, "fragment", "a fragment: the sender's packets are too long for their path")                 \
    DECAP_REASON(IP_HEADER, "ip_header", "the outer IP length makes no sense")                                         \
    DECAP_REASON(IP_OPTIONS, "ip_options", "outer IPv4 options or IPv6 extension headers")                             \
    DECAP_REASON(IP_CHECKSUM, "ip_checksum", "the outer IPv4 header checksum is wrong")                                \
    DECAP_REASON(TRUNCATED, "truncated", "the frame or the outer packet ends before its headers do")                   \
    DECAP_REASON(UDP_LENGTH, "udp_length", "the outer UDP length makes no sense")                                      \
    DECAP_REASON(GRE_FLAGS, "gre_flags", "GRE with checksum, key, sequence number or of another version")              \
    DECAP_REASON(GUE_VERSION, "gue_version", "GUE of an unknown variant")                                              \
    DECAP_REASON(GUE_CONTROL, "gue_control", "a GUE control message")                                                  \
    DECAP_REASON(GUE_FLAGS, "gue_flags", "GUE with optional fields")                                                   \
    DECAP_REASON(GENEVE_VERSION, "geneve_version", "Geneve of an unknown version")                                     \
    DECAP_REASON(GENEVE_CONTROL, "geneve_control", "a Geneve control packet, or one with critical options")            \
    DECAP_REASON(VNI, "vni", "Geneve of another network (VNI)")                                                        \
    DECAP_REASON(INNER_PROTOCOL, "inner_protocol", "the tunnel carries a protocol that it is not configured for")      \
    DECAP_REASON(INNER_HEADER, "inner_header", "inner IP version, header length or length make no sense")              \
    DECAP_REASON(INNER_OPTIONS, "inner_options", "inner IPv4 options or IPv6 extension headers")                       \
    DECAP_REASON(NESTED, "nested", "a tunnel within the tunnel")                                                       \
    DECAP_REASON(NO_VIP, "no_vip", "the inner packet is for none of the VIPs")                                         \
    DECAP_REASON(INNER_SOURCE, "inner_source", "the inner packet's source is this host, a VIP, or no host")            \
    DECAP_REASON(ECN, "ecn", "the outer header reports congestion to a packet without ECN (RFC 6040)")                 \
    DECAP_REASON(INTERNAL, "internal", "something failed that cannot fail")

enum decap_reason {
#define DECAP_REASON(identifier, name, text) DECAP_DROP_##identifier,
    DECAP_REASONS(DECAP_REASON)
#undef DECAP_REASON
        DECAP_REASON_COUNT
};

#endif
