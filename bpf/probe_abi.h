/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by the health checker's programs and lbd/health. The conventions are those of abi.h. */
#ifndef CULVERT_BPF_PROBE_ABI_H
#define CULVERT_BPF_PROBE_ABI_H

#include "abi.h"

/* The addresses of a probe and of its answer on the wire. IPv4 addresses fill the first four bytes. */
struct probe_key {
    __u8 vip[16];
    __u8 own[16];
    __u16 vip_port_be; /* ICMP: 0 */
    __u16 own_port_be; /* ICMP: the echo's identifier */
    __u8 protocol;
    __u8 family; /* 4 or 6 */
    __u8 pad[2];
};
LB_SIZE(struct probe_key, 40);

/*
 * The sender of packets that leave by the probes' device. Each has its own queue, its own ports on the wire and its own
 * map of probes. So no sender can keep the others' probes from leaving or their answers from arriving.
 */
enum probe_queue {
    PROBE_QUEUE_OWN = 0,     /* sockets of lbd */
    PROBE_QUEUE_SCRIPTS = 1, /* other sockets of its user: of its scripts */
    PROBE_QUEUE_OTHERS = 2,  /* anybody on this host */
    PROBE_QUEUES = 3,
};

/* The first port of each sender on the wire, host order; the last range ends at 65535. Linux assigns from 32768 on. */
#define PROBE_PORTS_OTHERS 32768
#define PROBE_PORTS_SCRIPTS 40960
#define PROBE_PORTS_OWN 49152

/* The stored state of a TCP probe: sequence numbers, host order. */
struct probe_state {
    __u32 sent;  /* of the last packet to the VIP */
    __u32 acked; /* acknowledged by that packet */
};
LB_SIZE(struct probe_state, 8);

/* Probes that are stored, at most as many as ports for a protocol and family. An evicted probe gets no answer. */
#define PROBE_MAX_OWN 65536
#define PROBE_MAX 16384
/* Sockets of lbd with a probe under way. */
#define PROBE_SOCKETS 65536

/* How far an acknowledgement may be from the bytes sent: more than the length of a probe's request. */
#define PROBE_WINDOW 65536

#endif
