/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Slots in transition: where connections are that the flow table does not know. abi.h shows the layout of the map. The
 * functions are global, so they are verified once, and each result is one number to the verifier.
 */
#ifndef CULVERT_BPF_TRANSITION_H
#define CULVERT_BPF_TRANSITION_H

#include "flow.h"
#include "forward.h"
#include "maps.h"

static __always_inline __u32 *transition_word(__u32 line, __u32 word)
{
    struct lb_transition_line *found = bpf_map_lookup_elem(&transitions, &line);

    return found ? &found->word[word % LB_TRANSITION_WORDS] : NULL;
}

/* The number of slots; 0 if the lookup fails, which it cannot. */
static __always_inline __u32 transition_slots(__u32 transition)
{
    __u32 *slots = transition_word(transition, 0);

    return slots ? *slots : 0;
}

/* Whether the flow's slot is in transition. */
__noinline int is_in_transition(__u32 transition, __u32 tag)
{
    __u32 slot = (__u32)lb_slot(tag, transition_slots(transition));
    __u32 *bits = transition_word(transition + 1 + slot / LB_TRANSITION_BITS, slot / 32);

    return bits ? *(volatile __u32 *)bits >> slot % 32 & 1 : 0;
}

/*
 * The former destination of the slot; 0 if it is gone. `uses`: a packet is sent there, so the time of last use is
 * stored. It costs one write for each slot and unit of time.
 */
__noinline __u32 former_dest(__u32 transition, __u32 tag, __u32 base, __u32 uses)
{
    __u32 slots = transition_slots(transition), slot = (__u32)lb_slot(tag, slots);
    __u32 *word = transition_word(transition + lb_transition_head(slots) + slot / LB_TRANSITION_WORDS, slot);
    __u16 now = (__u16)(bpf_jiffies64() >> config.time_shift);
    const struct lb_dest_body *dest;
    __u32 former;

    if (!word)
        return 0;
    former = *(volatile __u16 *)word;
    if (former == LB_NO_FORMER)
        return 0;
    dest = find_dest(base + former);
    if (is_left(dest))
        return 0;
    if (uses && !config.dry_run && *((volatile __u16 *)word + 1) != now)
        *((volatile __u16 *)word + 1) = now;
    return base + former;
}

#endif
