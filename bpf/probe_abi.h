/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the health checker's programs and lbd/health share. Conventions are those of abi.h. */
#ifndef CULVERT_BPF_PROBE_ABI_H
#define CULVERT_BPF_PROBE_ABI_H

#include "abi.h"

/* The packets of a probe, as they are on the wire: what is sent to a VIP, and what answers. IPv4 addresses fill the first four bytes. */
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
 * Whose packets those are that leave by the probes' device. Each has a queue of the device, ports on the wire and a memory of its own,
 * so that whatever one does, the others' probes go out and their answers come in.
 */
enum probe_queue {
    PROBE_QUEUE_OWN = 0,     /* lbd's own sockets */
    PROBE_QUEUE_SCRIPTS = 1, /* others of its user: what its scripts start */
    PROBE_QUEUE_OTHERS = 2,  /* anybody on this host */
    PROBE_QUEUES = 3,
};

/* The first port of each on the wire, host order. The last ones' go up to 65535; Linux gives connections ports from 32768 on. */
#define PROBE_PORTS_OTHERS 32768
#define PROBE_PORTS_SCRIPTS 40960
#define PROBE_PORTS_OWN 49152

/* What is remembered of a probe: of TCP, sequence numbers, host order. */
struct probe_state {
    __u32 sent;  /* of the last packet to the VIP */
    __u32 acked; /* what that acknowledged */
};
LB_SIZE(struct probe_state, 8);

/* Probes that are remembered; who is forgotten gets no answer. No more than there are ports for each protocol and family. */
#define PROBE_MAX_OWN 65536
#define PROBE_MAX 16384
/* Sockets of lbd that are under way. */
#define PROBE_SOCKETS 65536

/* How far from what was sent an acknowledgement may be, bytes: further than a probe's request is long. */
#define PROBE_WINDOW 65536

#endif
