/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether a packet needs the flow table. Each answer is a bit of a constant, and what decides is its index. So there are
 * no branches, which would be paths for the verifier. They are no calls either, as a call takes 10 ns.
 */
#ifndef CULVERT_BPF_TRACK_H
#define CULVERT_BPF_TRACK_H

#include "abi.h"
#include "packet.h"

/* Bits of the index of the first two tables: a flow's. */
enum track_bit {
    TRACK_SYN = 1 << 0,
    TRACK_MOVING = 1 << 1, /* the slot is in transition */
    TRACK_LATER = PACKET_LATER_FRAGMENT,
    TRACK_COUNTED = LB_SERVICE_ALL, /* or it is in the sample, or has an entry */
    TRACK_EACH = LB_SERVICE_EACH,
    TRACK_NEVER = LB_SERVICE_NEVER,
};

/*
 * Above the index: what was decided. To the verifier these bits may be set on all paths, so it does not walk the rest
 * once for each decision.
 */
#define TRACK_STORES (1u << 31) /* the flow gets an entry */
#define TRACK_BEGINS (1u << 30) /* it is counted as new */

/* The bits of a table at whose index a bit is set. */
#define WITH_BIT_0 0xaaaaaaaaaaaaaaaaULL
#define WITH_BIT_1 0xccccccccccccccccULL
#define WITH_BIT_2 0xf0f0f0f0f0f0f0f0ULL
#define WITH_BIT_3 0xff00ff00ff00ff00ULL
#define WITH_BIT_4 0xffff0000ffff0000ULL
#define WITH_BIT_5 0xffffffff00000000ULL

#define WITH_SYN WITH_BIT_0
#define WITH_MOVING WITH_BIT_1
#define WITH_LATER WITH_BIT_2
#define WITH_COUNTED WITH_BIT_3
#define WITH_EACH WITH_BIT_4
#define WITH_NEVER WITH_BIT_5

static __always_inline __u32 track_answer(__u64 table, __u32 index)
{
    return (__u32)(table >> (index & 63)) & 1;
}

/*
 * Whether the flow table is read: the flow's own entry decides, or it is counted by it. All flows of a settled slot are
 * with one backend. An opening packet would only find a flow that has ended.
 */
static __always_inline __u32 looks_up(__u32 index)
{
    return track_answer(WITH_MOVING | WITH_EACH | WITH_LATER | (WITH_COUNTED & ~WITH_NEVER & ~WITH_SYN), index);
}

/* The bits of a table at whose index TCP_FIN and so on are set. */
#define WITH_TCP_FIN WITH_BIT_0
#define WITH_TCP_SYN WITH_BIT_1
#define WITH_TCP_RST WITH_BIT_2
#define WITH_TCP_ACK WITH_BIT_4

/* Whether the packet opens a connection. A SYN with ACK is the reflection of somebody else's SYN. */
static __always_inline __u32 opens(__u32 flags)
{
    return track_answer(WITH_TCP_SYN & ~WITH_TCP_ACK, flags & 31);
}

/*
 * Whether the flow gets an entry. Without a transition a SYN stores nothing, so a flood of them evicts nothing. In one,
 * a connection without an entry is from before. Reflections, ends and ICMP errors store nothing.
 */
static __always_inline __u32 gets_entry(__u32 index, __u32 flags, __u32 kind)
{
    __u32 tracked =
        track_answer((WITH_SYN & WITH_MOVING) | (~WITH_SYN & ~WITH_NEVER & (WITH_EACH | WITH_COUNTED)), index);

    return tracked & track_answer(~WITH_TCP_FIN & ~WITH_TCP_RST & ~(WITH_TCP_SYN & WITH_TCP_ACK), flags & 31) &
           ~(kind / PACKET_ICMP_ERROR);
}

/* Whether the flow is counted as new. */
static __always_inline __u32 begins(__u32 index, __u32 stores, __u32 flags)
{
    __u32 opened = opens(flags);

    return opened ^ ((opened ^ stores) & index / TRACK_EACH & 1);
}

#endif
