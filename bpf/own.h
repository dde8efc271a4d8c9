/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which frames are for this host. Native XDP sees every frame on the wire: also those for others, if a switch floods
 * them, and multicast. These are not forwarded (RFC 1812, section 5.3.4), as every host that sees them would do it.
 */
#ifndef CULVERT_BPF_OWN_H
#define CULVERT_BPF_OWN_H

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "packet.h"

extern const volatile struct lb_config config;

struct lb_own own SEC(".data.own");

/* A global function: the verifier walks it once. */
__noinline int is_own_frame(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
    const volatile __u64 *line;
    struct ethhdr *eth = data;
    __u64 key;
    int way;

    if ((void *)(eth + 1) > data_end)
        return 0;
    line = own.macs[eth->h_dest[ETH_ALEN - 1]];
    key = lb_mac_key(*(const __u64 *)data, port_of(ctx));
    for (way = 0; way < LB_MAC_WAYS; way++)
        if (line[way] == key)
            return 1;
    return own.any_mac && !(eth->h_dest[0] & 1);
}

/*
 * The same, with a fast path for the usual case. Called only for frames to a VIP: others pass anyway and cost nothing.
 */
static __always_inline int is_own(struct xdp_md *ctx, struct packet *p, const struct ethhdr *eth)
{
    p->port = port_of(ctx);
    return *(const volatile __u64 *)own.macs[eth->h_dest[ETH_ALEN - 1]] == lb_mac_key(*(const __u64 *)eth, p->port) ||
           is_own_frame(ctx);
}

/*
 * Whether the VLAN of a tag has a device here. VLAN 0 is no VLAN (IEEE 802.1Q, section 9.6). With two tags, each is
 * compared with all VLANs: the outer one may be invisible, in the skb.
 */
static __always_inline int is_own_vlan(__u16 tag_be)
{
    __u32 id = bpf_ntohs(tag_be);

    barrier_var(id); /* else clang masks before it swaps, and the verifier of 6.1 knows no bound of the result */
    id &= LB_VLANS - 1;
    return !id || *(const volatile __u64 *)&own.vlans[id / 64] >> id % 64 & 1;
}

#endif
