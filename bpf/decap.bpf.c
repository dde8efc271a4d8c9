/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Decapsulates on backends whose kernel has no tunnel devices: removes the outer headers of packets from balancers to
 * VIPs and passes the packets to the stack. Packets for no tunnel pass unchanged.
 *
 * The outer UDP checksum is not verified. It adds little to the guard and to the inner packet's own checksums, which
 * the stack verifies (RFC 6935, section 3), and a virtual network card gives XDP packets with an incomplete checksum.
 */
#include "decap_inner.h"
#include "decap_outer.h"
#include "decap_tunnel.h"

const volatile struct decap_config config;

SEC("xdp")
int decap(struct xdp_md *ctx)
{
    struct walk w = {};
    int verdict = walk_outer(ctx, &w);

    if (verdict == GO_ON)
        verdict = walk_tunnel(ctx, &w);
    if (verdict == GO_ON)
        verdict = unwrap(ctx, &w);
    return verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
