/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CULVERT_BENCH_FRAMES_ABI_H
#define CULVERT_BENCH_FRAMES_ABI_H

/* What frames.bpf.c and its user space share. */

#define FRAMES_HEAD 48    /* bytes at the front of a frame that are written anew: Ethernet, IPv4, UDP, and some more */
#define FRAMES_FLOWS 4096 /* the source address's last bits */

#endif
