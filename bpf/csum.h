/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Internet checksums (RFC 1071). Sums are of 16-bit words as they lie in memory. Byte order doesn't matter if every
 * term comes from memory or through bpf_htons.
 */
#ifndef CULVERT_BPF_CSUM_H
#define CULVERT_BPF_CSUM_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* The longest packet that is summed in full, and the size of a step, bytes. */
#define SUM_MAX 9216
#define SUM_BLOCK 32u
/* The most that can precede it in the frame: Ethernet header with two tags, IP header with extension headers. */
#define SUM_OFFSET_MAX (ETH_HLEN + 8 + 255)

static __always_inline __u16 csum_fold(__u64 sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u16)sum;
}

/*
 * Whether the folded sum would be all ones: whether the sum, which is not zero, is a multiple of 65,535. The factor is
 * the inverse of 65,535 modulo 2^64, which maps the multiples, and nothing else, to the quotients (Hacker's Delight,
 * section 10-17).
 */
static __always_inline int csum_is_complete(__u64 sum)
{
    return sum * 0xfffefffefffeffffULL <= ~0ULL / 0xffff;
}

/* UDP sends a checksum of zero as all ones, as zero means none (RFC 768). */
static __always_inline __u16 csum_udp(__u64 sum)
{
    __u16 check = ~csum_fold(sum);

    return check ? check : 0xffff;
}

/* The checksum `check` after the sum of the bytes it covers changed from `old` to `new` (RFC 1624, equation 3). */
static __always_inline __u16 csum_update(__u16 check, __u16 old, __u64 new)
{
    return ~csum_fold((__u64)(__u16)~check + (__u16)~old + new);
}

/*
 * The same for UDP and ICMP. UDP sends zero as all ones, as zero means none (RFC 768). An ICMP checksum covers no
 * addresses: all other words may be zero, and then only a checksum of all ones makes the sum all ones. For other
 * packets both are the same number (RFC 1071, section 1).
 */
static __always_inline __u16 csum_update_nonzero(__u16 check, __u16 old, __u64 new)
{
    check = csum_update(check, old, new);
    return check ? check : 0xffff;
}

static __always_inline __u64 sum_of_words(const void *data, int count)
{
    const __u32 *words = data;
    __u64 sum = 0;
    int i;

#pragma unroll
    for (i = 0; i < count; i++)
        sum += words[i];
    return sum;
}

/*
 * The folded sum of `length` bytes behind the first `offset` bytes, or -1. Cuts off the rest of the frame. Not static,
 * so the verifier walks the loop once and not once for each caller.
 */
__noinline int sum_of_bytes(struct xdp_md *ctx, __u32 offset, __u32 length)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end, *odd;
    long padding = (data_end - data) - (long)(offset + length);
    __u64 sum = 0;
    __u32 i;

    if (offset > SUM_OFFSET_MAX || length > SUM_MAX || (padding && bpf_xdp_adjust_tail(ctx, (int)-padding)))
        return -1;
    data = (void *)(long)ctx->data + offset;
    data_end = (void *)(long)ctx->data_end;

    /* The bytes behind the last whole block come first: behind the loop they would multiply its exits. */
    odd = data + (length & ~(SUM_BLOCK - 1));
    if (length & 16) {
        if (odd + 16 > data_end)
            return -1;
        sum += sum_of_words(odd, 4);
        odd += 16;
    }
    if (length & 8) {
        if (odd + 8 > data_end)
            return -1;
        sum += sum_of_words(odd, 2);
        odd += 8;
    }
    if (length & 4) {
        if (odd + 4 > data_end)
            return -1;
        sum += *(__u32 *)odd;
        odd += 4;
    }
    if (length & 2) {
        if (odd + 2 > data_end)
            return -1;
        sum += *(__u16 *)odd;
        odd += 2;
    }
    if (length & 1) {
        if (odd + 1 > data_end)
            return -1;
        sum += bpf_htons((__u16)(*(__u8 *)odd << 8));
    }
    for (i = 0; i < SUM_MAX / SUM_BLOCK; i++) {
        if (data + SUM_BLOCK > data_end)
            break;
        sum += sum_of_words(data, SUM_BLOCK / 4);
        data += SUM_BLOCK;
    }
    return csum_fold(sum);
}

/*
 * The sum of the IP packet of `length` bytes at `l3` (offset in the frame) as it will be
 * once its L4 checksum is complete. So far the checksum field has only the pseudo-header's
 * sum, `pseudo`. Then the bytes that it covers sum to the complement of `pseudo`. `pseudo`
 * 0: it is complete already. `l4_offset` counts from `l3`. -1 as in sum_of_bytes.
 */
__noinline int finished_sum(struct xdp_md *ctx, __u32 l3, __u32 length, __u32 l4_offset, __u32 pseudo)
{
    int sum = sum_of_bytes(ctx, l3, length), covered;

    if (!pseudo || sum < 0)
        return sum;
    covered = sum_of_bytes(ctx, l3 + l4_offset, length - l4_offset);
    return covered < 0 ? -1 : csum_fold((__u64)sum + (__u16)~covered + (__u16)~pseudo);
}

#endif
