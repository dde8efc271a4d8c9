/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The balancer's maps. User space sets max_entries before loading. */
#ifndef CULVERT_BPF_MAPS_H
#define CULVERT_BPF_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "stats_maps.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct lb_vip4_line);
    __uint(max_entries, 2);
} vips4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct lb_vip6_line);
    __uint(max_entries, 2);
} vips6 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct lb_prefix4);
    __type(value, struct lb_vip4);
    __uint(max_entries, 1);
} prefixes4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct lb_prefix6);
    __type(value, struct lb_vip6);
    __uint(max_entries, 1);
} prefixes6 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct lb_ring_line);
    __uint(max_entries, 1);
} rings SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct lb_transition_line);
    __uint(max_entries, 1);
} transitions SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct lb_dest);
    __uint(max_entries, 1);
} dests SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u32);
    __type(value, struct lb_owner);
    __uint(max_entries, 1);
} owners SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct lb_bucket);
    __uint(max_entries, 1);
} flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct lb_counters);
    __uint(max_entries, 1);
} dest_counters SEC(".maps");

/* The configuration that the program was loaded with. Only user space reads it: the next lbd. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct lb_config);
    __uint(max_entries, 1);
} compiled_to SEC(".maps");

/* The number of our own ICMP errors that this CPU has sent in the present time unit. */
struct icmp_budget {
    __u64 time; /* in units of 2^icmp_shift jiffies */
    __u64 sent;
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct icmp_budget);
    __uint(max_entries, 1);
} icmp_budgets SEC(".maps");

/* Interfaces for sending, keyed by index. A redirect to any other is refused. */
struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, 1);
} ports SEC(".maps");

#endif
