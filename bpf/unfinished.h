/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checksums that a sender left to its card, which doesn't exist: the neighbour is a virtual machine or the other end of
 * a veth. The field then holds the sum of the pseudo-header (CHECKSUM_PARTIAL of linux/skbuff.h,
 * VIRTIO_NET_HDR_F_NEEDS_CSUM). Under native XDP nobody behind us completes it; under generic XDP the kernel or the
 * next card does.
 */
#ifndef CULVERT_BPF_UNFINISHED_H
#define CULVERT_BPF_UNFINISHED_H

#include "csum.h"
#include "own.h"
#include "packet.h"

static __always_inline __u32 unfinished(void)
{
    return *(const volatile __u32 *)&own.unfinished;
}

/*
 * The folded sum of the pseudo-header (RFC 9293, section 3.1; RFC 8200, section 8.1), never 0. -1 if the header isn't
 * there.
 */
static __always_inline int pseudo_sum(void *l3, void *data_end, __u32 l4_length, __u32 protocol)
{
    struct iphdr *ip4 = l3;
    struct ipv6hdr *ip6 = l3;
    __u64 sum = (__u64)bpf_htons((__u16)l4_length) + bpf_htons((__u16)protocol);

    if ((void *)(ip4 + 1) > data_end)
        return -1;
    if (ip4->version == 4)
        return csum_fold(sum + ip4->saddr + ip4->daddr);
    if ((void *)(ip6 + 1) > data_end)
        return -1;
    return csum_fold(sum + sum_of_words(&ip6->saddr, 8));
}

/*
 * The pseudo-header's sum if the checksum of the packet of `length` bytes at `l3` is unfinished, else 0. Completes the
 * checksum and returns 0 if nobody behind us does. It can't complete SCTP's CRC and packets longer than SUM_MAX. One
 * complete checksum in 65,536 looks unfinished, so in doubt every byte is summed. `l4` is the result of l4_of().
 * Pointers into the packet are invalid afterwards.
 */
__noinline __u32 unfinished_sum(struct xdp_md *ctx, __u32 l3, __u32 length, __u32 l4)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
    __u32 offset = l4 & 0xff, protocol = l4 >> 8;
    __u16 *check;
    __u32 *crc;
    int pseudo, sum;

    if (l3 > ETH_HLEN + 8 || offset >= length)
        return 0;
    if (protocol == IPPROTO_SCTP && unfinished() == LB_UNFINISHED_HERE) {
        crc = data + l3 + offset + offsetof(struct sctphdr, checksum);
        return (void *)(crc + 1) <= data_end && !*crc;
    }
    if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
        return 0;
    pseudo = pseudo_sum(data + l3, data_end, length - offset, protocol);
    check = data + l3 + offset + (protocol == IPPROTO_TCP ? 16 : 6);
    if ((void *)(check + 1) > data_end || *check != pseudo)
        return 0;
    sum = sum_of_bytes(ctx, l3 + offset, length - offset);
    if (sum < 0)
        return (__u32)pseudo;
    if (csum_fold((__u64)sum + pseudo) == 0xffff)
        return 0;
    if (unfinished() != LB_UNFINISHED_HERE)
        return (__u32)pseudo;
    data = (void *)(long)ctx->data;
    data_end = (void *)(long)ctx->data_end;
    check = data + l3 + offset + (protocol == IPPROTO_TCP ? 16 : 6);
    if ((void *)(check + 1) > data_end)
        return (__u32)pseudo;
    *check = csum_udp(sum);
    return 0;
}

#endif
