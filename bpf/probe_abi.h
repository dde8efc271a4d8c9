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

/* Probes that are remembered; who is forgotten gets no answer. */
#define PROBE_MAX 65536

#endif
