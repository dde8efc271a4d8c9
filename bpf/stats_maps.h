/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The counters of packets by their fate, which `capture` reads. */
#ifndef CULVERT_BPF_STATS_MAPS_H
#define CULVERT_BPF_STATS_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "reasons_map.h"

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, LB_EVENT_COUNT);
} events SEC(".maps");

#endif
