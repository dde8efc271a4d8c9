/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parser stores about a packet for the later steps. */
#ifndef CULVERT_BPF_PACKET_H
#define CULVERT_BPF_PACKET_H

#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

extern const volatile struct lb_config config;

/* bpf/track.h uses these as they stand, as bits of an index. */
enum packet_kind {
    PACKET_WHOLE = 0,
    PACKET_FIRST_FRAGMENT = 1, /* has ports, so its flow is known; the later fragments follow it */
    PACKET_ICMP_ERROR = 2,     /* about a packet of a VIP: goes to the backend that sent that packet */
    PACKET_LATER_FRAGMENT = 4, /* has no ports: goes where the first one went */
};

struct packet {
    struct lb_service service; /* not known for a later fragment */
    __u64 hash;                /* of the five-tuple, or of the fragments of a packet; see flow.h */
    __u64 fragments;           /* of a first fragment: the hash that the later ones have */
    __u64 choice;              /* hash that selects the backend of a new flow */
    __u32 length;              /* of the IP packet, bytes; the rest of the frame is padding */
    __u32 l4_length;           /* behind the IP header and its extension headers */
    __u8 l2_length;            /* of Ethernet header and tags */
    __u8 l4_offset;            /* from the IP header on */
    __u8 protocol;
    __u8 tos;     /* TOS or traffic class */
    __u8 kind;    /* enum packet_kind */
    __u8 flags;   /* TCP's; SCTP chunks are translated to them; none for UDP */
    __u16 pseudo; /* the pseudo-header's sum if the L4 checksum has only that and somebody behind us completes it */
    __u32 port;   /* the interface it came by; 0 if there is only one */
    __u8 lean;    /* the L4 checksum covers all behind the IP header; the outer one can be derived from it */
};

/*
 * Stored unchanged and tested where they matter: two booleans would give the verifier four states to follow after
 * parsing.
 */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10

static __always_inline int is_opening(const struct packet *p)
{
    return p->flags & TCP_SYN;
}
static __always_inline int is_closing(const struct packet *p)
{
    return p->flags & (TCP_FIN | TCP_RST);
}

/* At least the last packet of an application's write has PSH. */
static __always_inline int has_data(const struct packet *p)
{
    return p->flags & TCP_PSH;
}

/* The port that a packet came by, for struct packet. */
static __always_inline __u32 port_of(const struct xdp_md *ctx)
{
    return config.redirect ? ctx->ingress_ifindex : 0;
}

/* The minimum length behind the IP headers, bytes; for a first fragment, enough for the ports. */
static __always_inline __u32 least_l4(const struct packet *p)
{
    return p->kind == PACKET_LATER_FRAGMENT ? 1 : 8;
}

/* RFC 1122, section 3.2.2: no ICMP errors about ICMP errors and later fragments. */
static __always_inline int may_be_answered(const struct packet *p)
{
    return p->kind == PACKET_WHOLE || p->kind == PACKET_FIRST_FRAGMENT;
}

/* The offset of the L4 header from the IP header in the low byte, its protocol in the next; 0 for fragments. */
static __always_inline __u32 l4_of(const struct packet *p)
{
    return p->kind == PACKET_WHOLE ? p->l4_offset | p->protocol << 8 : 0;
}

/* The result of a step: go on, or an XDP verdict. */
#define GO_ON (-1)

/* linux/icmp.h would include the C library. RFC 792; RFC 1191, section 4. */
struct icmphdr {
    __u8 type;
    __u8 code;
    __be16 checksum;
    __be32 parameter;
};
#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_FRAG_NEEDED 4 /* a code of ICMP_DEST_UNREACH */
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_EXC_TTL 0 /* a code of ICMP_TIME_EXCEEDED */
#define ICMP_PARAMETERPROB 12

/* The kernel's linux/sctp.h is not in UAPI. RFC 9260, sections 3 and 3.2. */
struct sctphdr {
    __be16 source;
    __be16 dest;
    __be32 vtag;
    __le32 checksum;
};
#define SCTP_DATA 0
#define SCTP_INIT 1
#define SCTP_ABORT 6
#define SCTP_SHUTDOWN_COMPLETE 14

#endif
