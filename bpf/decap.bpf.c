/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The backend's way in where the kernel has no tunnel devices: takes the outer headers off packets from balancers to VIPs and
 * hands them to the stack. What is for no tunnel passes untouched.
 *
 * An outer UDP checksum is not verified. What it adds to the guard and to the inner packet's own checksums, which the stack
 * verifies, is little (RFC 6935, section 3), and a virtual network card hands XDP packets whose checksum is yet to be filled in.
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
