/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reports the balancer's packets as they arrive and as they leave, and those that no driver accepted. It runs before
 * and after the balancer's program while a capture is active.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "capture.h"
#include "lost.h"
#include "stats_maps.h"

/* The members of the kernel's types that are read here. libbpf reads their offsets from the running kernel's BTF. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct xdp_rxq_info {
    struct net_device *dev;
};
struct xdp_buff {
    void *data;
    void *data_end;
    struct xdp_rxq_info *rxq;
};
#pragma clang attribute pop

/* Bytes of a frame to report. */
const volatile __u32 snap_length;

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __type(key, __u32);
    __type(value, __u32);
} packets SEC(".maps");

/* Counters when the packet arrived. Those that have grown since tell its fate. */
struct before {
    __u64 number;
    __u64 reasons[LB_REASON_COUNT];
    __u64 events[LB_EVENT_COUNT];
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct before);
    __uint(max_entries, 1);
} befores SEC(".maps");

static __always_inline __u64 count(void *map, __u32 key)
{
    __u64 *value = bpf_map_lookup_elem(map, &key);

    return value ? *value : 0;
}

static __always_inline void tell(struct xdp_buff *xdp, struct capture_event *event)
{
    event->time = bpf_ktime_get_ns();
    event->ifindex = xdp->rxq->dev->ifindex;
    event->length = (__u32)((long)xdp->data_end - (long)xdp->data);
    event->size = event->length < snap_length ? event->length : snap_length;
    bpf_xdp_output(xdp, &packets, BPF_F_CURRENT_CPU | (__u64)event->size << 32, event, sizeof(*event));
}

SEC("fentry/lb")
int comes(const __u64 *arguments)
{
    struct capture_event event = {.kind = CAPTURE_IN, .reason = -1, .event = -1};
    struct xdp_buff *xdp = (struct xdp_buff *)arguments[0];
    struct before *before;
    __u32 zero = 0, i;

    before = bpf_map_lookup_elem(&befores, &zero);
    if (!before)
        return 0;
#pragma unroll
    for (i = 0; i < LB_REASON_COUNT; i++)
        before->reasons[i] = count(&reasons, i);
#pragma unroll
    for (i = 0; i < LB_EVENT_COUNT; i++)
        before->events[i] = count(&events, i);
    event.number = ++before->number;
    tell(xdp, &event);
    return 0;
}

SEC("fexit/lb")
int leaves(const __u64 *arguments)
{
    struct capture_event event = {.kind = CAPTURE_OUT, .reason = -1, .event = -1};
    struct xdp_buff *xdp = (struct xdp_buff *)arguments[0];
    struct before *before;
    __u32 zero = 0, i;

    before = bpf_map_lookup_elem(&befores, &zero);
    if (!before)
        return 0;
    event.number = before->number;
    event.verdict = (int)arguments[1];
#pragma unroll
    for (i = 0; i < LB_REASON_COUNT; i++)
        if (count(&reasons, i) != before->reasons[i])
            event.reason = (int)i;
#pragma unroll
    for (i = 0; i < LB_EVENT_COUNT; i++)
        if (count(&events, i) != before->events[i])
            event.event = (int)i;
    tell(xdp, &event);
    return 0;
}

static __always_inline int lost(const struct loss *loss)
{
    struct capture_loss told = {.kind = CAPTURE_LOST};

    if (loss->frames <= 0 || !is_ours(loss->seen))
        return 0;
    told.time = bpf_ktime_get_ns();
    told.seen = loss->seen->ifindex;
    told.to = loss->to;
    told.frames = loss->frames;
    told.error = loss->error;
    bpf_perf_event_output(loss->context, &packets, BPF_F_CURRENT_CPU, &told, sizeof(told));
    return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
