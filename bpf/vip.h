/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which service an address, a port and a protocol belong to. An address belongs to the longest VIP that contains it,
 * whichever ports that VIP serves.
 */
#ifndef CULVERT_BPF_VIP_H
#define CULVERT_BPF_VIP_H

#include "flow.h"
#include "maps.h"
#include "own.h"
#include "stats.h"

/* The valid half of vips4 and vips6: 0 or 1, changed by user space. */
__u32 vips_half;

/* Two of each: as with vips4 and vips6, user space changes the one of the idle half. */
struct lb_prefix_filter filters4[2], filters6[2];

/* Whether a network may contain the address that begins with these bytes. */
static __always_inline int may_be_in(const struct lb_prefix_filter *filters, __u64 first)
{
    const volatile struct lb_prefix_filter *filter = &filters[*(volatile __u32 *)&vips_half & 1];
    __u64 bit = lb_filter_bit(first & filter->mask[0]), found = filter->bits[bit / 64] >> bit % 64;
    int i;

    if (filter->mask[1] == filter->mask[0])
        return found & 1;
#pragma unroll
    for (i = 1; i < LB_FILTER_MASKS; i++) {
        bit = lb_filter_bit(first & filter->mask[i]);
        found |= filter->bits[bit / 64] >> bit % 64;
    }
    return found & 1;
}

static __always_inline __u32 vip_line(__u32 hash, __u32 mask)
{
    return (hash & mask) + (*(volatile __u32 *)&vips_half & 1) * (mask + 1);
}

static __always_inline int find_vip4(struct lb_service *service, const struct lb_vip4 *key)
{
    __u64 hash = lb_vip4_hash(key), whole;
    __u32 choice, index = vip_line((__u32)(hash >> 32), config.vip4_mask);
    int way;

    __builtin_memcpy(&whole, key, sizeof(whole));
#pragma unroll
    for (choice = 0; choice < 2; choice++) {
        struct lb_vip4_line *line = bpf_map_lookup_elem(&vips4, &index);

        if (!line)
            return 0;
#pragma unroll
        for (way = 0; way < LB_VIP4_WAYS; way++)
            if (*(__u64 *)&line->key[way] == whole && line->used & 1u << way) {
                *service = line->service[way];
                return 1;
            }
        if (choice || !line->spilled)
            return 0;
        index = vip_line((__u32)hash, config.vip4_mask);
    }
    return 0;
}

static __always_inline int is_same_vip6(const struct lb_vip6 *a, const struct lb_vip6 *b)
{
    const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;

    return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4]));
}

static __always_inline int find_vip6(struct lb_service *service, const struct lb_vip6 *key)
{
    __u64 hash = lb_vip6_hash(key);
    __u32 choice, index = vip_line((__u32)(hash >> 32), config.vip6_mask);
    int way;

#pragma unroll
    for (choice = 0; choice < 2; choice++) {
        struct lb_vip6_line *line = bpf_map_lookup_elem(&vips6, &index);

        if (!line)
            return 0;
#pragma unroll
        for (way = 0; way < LB_VIP6_WAYS; way++)
            if (is_same_vip6(&line->key[way], key) && line->used & 1u << way) {
                *service = line->service[way];
                return 1;
            }
        if (choice || !line->spilled)
            return 0;
        index = vip_line((__u32)hash, config.vip6_mask);
    }
    return 0;
}

static __always_inline int port_or_all4(struct lb_service *service, struct lb_vip4 *key, __u16 port_be)
{
    key->port_be = port_be;
    if (find_vip4(service, key))
        return 1;
    key->port_be = 0;
    return config.all_ports && port_be && find_vip4(service, key);
}

static __always_inline int port_or_all6(struct lb_service *service, struct lb_vip6 *key, __u16 port_be)
{
    key->port_be = port_be;
    if (find_vip6(service, key))
        return 1;
    key->port_be = 0;
    return config.all_ports && port_be && find_vip6(service, key);
}

static __always_inline int find_service4(struct lb_service *service, __u32 address, __u16 port_be, __u8 protocol)
{
    struct lb_prefix4 prefix = {.length = 32};
    struct lb_vip4 key = {.protocol = protocol}, *vip;

    __builtin_memcpy(key.address, &address, sizeof(key.address));
    if (port_or_all4(service, &key, port_be))
        return 1;
    if (!config.prefixes || !may_be_in(filters4, address))
        return 0;
    __builtin_memcpy(prefix.address, &address, sizeof(prefix.address));
    vip = bpf_map_lookup_elem(&prefixes4, &prefix);
    if (!vip || !vip->prefix)
        return 0;
    key = *vip;
    key.protocol = protocol;
    return port_or_all4(service, &key, port_be);
}

static __always_inline int find_service6(struct lb_service *service, const __u32 *address, __u16 port_be, __u8 protocol)
{
    struct lb_prefix6 prefix = {.length = 128};
    struct lb_vip6 key = {.protocol = protocol}, *vip;
    int i;

    for (i = 0; i < 4; i++)
        ((__u32 *)&key)[i] = address[i];
    if (port_or_all6(service, &key, port_be))
        return 1;
    if (!config.prefixes || !may_be_in(filters6, address[0] | (__u64)address[1] << 32))
        return 0;
    __builtin_memcpy(prefix.address, address, sizeof(prefix.address));
    vip = bpf_map_lookup_elem(&prefixes6, &prefix);
    if (!vip || !vip->prefix)
        return 0;
    key = *vip;
    key.protocol = protocol;
    return port_or_all6(service, &key, port_be);
}

/*
 * Whether the address belongs to a VIP of any service. Global functions: the verifier walks them once, not once for
 * each call.
 */
__noinline int is_vip4(__u32 address)
{
    struct lb_service service;

    return find_service4(&service, address, 0, 0);
}

__noinline int is_vip6(const struct in6_addr *address)
{
    struct lb_service service;

    return address && find_service6(&service, address->in6_u.u6_addr32, 0, 0);
}

/* A packet that can't be balanced: dropped for a reason if it is for a VIP, otherwise passed. */
static __always_inline int refuse4(struct xdp_md *ctx, const struct iphdr *ip, enum lb_reason reason)
{
    return is_vip4(ip->daddr) && is_own_frame(ctx) ? drop(reason) : XDP_PASS;
}

static __always_inline int refuse6(struct xdp_md *ctx, const struct ipv6hdr *ip, enum lb_reason reason)
{
    return is_vip6(&ip->daddr) && is_own_frame(ctx) ? drop(reason) : XDP_PASS;
}

#endif
