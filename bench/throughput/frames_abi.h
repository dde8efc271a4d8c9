/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CULVERT_BENCH_FRAMES_ABI_H
#define CULVERT_BENCH_FRAMES_ABI_H

/* Shared by frames.bpf.c and its user space. */

#define FRAMES_HEAD 48    /* first bytes of a frame, which are written again: Ethernet, IPv4, UDP, and some more */
#define FRAMES_FLOWS 4096 /* number of flows, in the last bits of the source address */

#endif
