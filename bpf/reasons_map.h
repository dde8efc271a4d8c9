/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets that didn't leave, by reason. The balancer and lost.bpf.c count them. */
#ifndef CULVERT_BPF_REASONS_MAP_H
#define CULVERT_BPF_REASONS_MAP_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, LB_REASON_COUNT);
} reasons SEC(".maps");

#endif
