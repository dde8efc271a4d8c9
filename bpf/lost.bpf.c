/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts frames that the balancer sent and the kernel lost: XDP_TX and XDP_REDIRECT only ask for transmission, and the
 * program has ended when the driver refuses.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "lost.h"
#include "reasons_map.h"

/* Interfaces at which packets arrive, and members of those, by index. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, 4096);
} watched SEC(".maps");

static __always_inline int lost(const struct loss *loss)
{
    __u32 key = LB_DROP_NOT_SENT, ifindex;
    __u64 *counted;

    if (loss->frames <= 0 || !is_ours(loss->seen))
        return 0;
    ifindex = loss->seen->ifindex;
    if (!bpf_map_lookup_elem(&watched, &ifindex))
        return 0;
    counted = bpf_map_lookup_elem(&reasons, &key);
    if (counted)
        *counted += loss->frames;
    return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
