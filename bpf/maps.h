/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The balancer's maps. User space sets max_entries before loading. */
#ifndef CULVERT_BPF_MAPS_H
#define CULVERT_BPF_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, struct lb_vip4);
    __type(value, struct lb_service);
    __uint(max_entries, 1);
} vips4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, struct lb_vip6);
    __type(value, struct lb_service);
    __uint(max_entries, 1);
} vips6 SEC(".maps");

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
    __type(value, struct lb_dest);
    __uint(max_entries, 1);
} dests SEC(".maps");

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

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, LB_REASON_COUNT);
} reasons SEC(".maps");

/* Interfaces to send by, keyed by their index: a redirect to one that isn't here is refused. */
struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, 1);
} ports SEC(".maps");

#endif
