/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which service an address, a port and a protocol belong to. An address belongs to the longest VIP that contains it, whatever
 * ports that one serves.
 */
#ifndef CULVERT_BPF_VIP_H
#define CULVERT_BPF_VIP_H

#include "flow.h"
#include "maps.h"
#include "stats.h"

/* Which half of vips4 and vips6 counts: 0 or 1, changed by user space. */
__u32 vips_half;

static __always_inline __u32 vip_line(__u32 hash, __u32 mask)
{
    return (hash & mask) + (*(volatile __u32 *)&vips_half & 1) * (mask + 1);
}

static __always_inline struct lb_service *find_vip4(const struct lb_vip4 *key)
{
    __u64 hash = lb_vip4_hash(key), whole;
    __u32 choice, index = vip_line((__u32)(hash >> 32), config.vip4_mask);
    int way;

    __builtin_memcpy(&whole, key, sizeof(whole));
#pragma unroll
    for (choice = 0; choice < 2; choice++) {
        struct lb_vip4_line *line = bpf_map_lookup_elem(&vips4, &index);

        if (!line)
            return NULL;
#pragma unroll
        for (way = 0; way < LB_VIP4_WAYS; way++)
            if (*(__u64 *)&line->key[way] == whole && line->used & 1u << way)
                return &line->service[way];
        if (choice || !line->spilled)
            return NULL;
        index = vip_line((__u32)hash, config.vip4_mask);
    }
    return NULL;
}

static __always_inline int is_same_vip6(const struct lb_vip6 *a, const struct lb_vip6 *b)
{
    const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;

    return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4]));
}

static __always_inline struct lb_service *find_vip6(const struct lb_vip6 *key)
{
    __u64 hash = lb_vip6_hash(key);
    __u32 choice, index = vip_line((__u32)(hash >> 32), config.vip6_mask);
    int way;

#pragma unroll
    for (choice = 0; choice < 2; choice++) {
        struct lb_vip6_line *line = bpf_map_lookup_elem(&vips6, &index);

        if (!line)
            return NULL;
#pragma unroll
        for (way = 0; way < LB_VIP6_WAYS; way++)
            if (is_same_vip6(&line->key[way], key) && line->used & 1u << way)
                return &line->service[way];
        if (choice || !line->spilled)
            return NULL;
        index = vip_line((__u32)hash, config.vip6_mask);
    }
    return NULL;
}

static __always_inline struct lb_service *port_or_all4(struct lb_vip4 *key, __u16 port_be)
{
    struct lb_service *service;

    key->port_be = port_be;
    service = find_vip4(key);
    if (!service && config.all_ports && port_be) {
        key->port_be = 0;
        service = find_vip4(key);
    }
    return service;
}

static __always_inline struct lb_service *port_or_all6(struct lb_vip6 *key, __u16 port_be)
{
    struct lb_service *service;

    key->port_be = port_be;
    service = find_vip6(key);
    if (!service && config.all_ports && port_be) {
        key->port_be = 0;
        service = find_vip6(key);
    }
    return service;
}

static __always_inline struct lb_service *find_service4(__u32 address, __u16 port_be, __u8 protocol)
{
    struct lb_prefix4 prefix = {.length = 32};
    struct lb_vip4 key = {.protocol = protocol}, *vip;
    struct lb_service *service;

    __builtin_memcpy(key.address, &address, sizeof(key.address));
    service = port_or_all4(&key, port_be);
    if (service || !config.prefixes)
        return service;
    __builtin_memcpy(prefix.address, &address, sizeof(prefix.address));
    vip = bpf_map_lookup_elem(&prefixes4, &prefix);
    if (!vip || !vip->prefix)
        return NULL;
    key = *vip;
    key.protocol = protocol;
    return port_or_all4(&key, port_be);
}

static __always_inline struct lb_service *find_service6(const void *address, __u16 port_be, __u8 protocol)
{
    struct lb_prefix6 prefix = {.length = 128};
    struct lb_vip6 key = {.protocol = protocol}, *vip;
    struct lb_service *service;

    __builtin_memcpy(key.address, address, sizeof(key.address));
    service = port_or_all6(&key, port_be);
    if (service || !config.prefixes)
        return service;
    __builtin_memcpy(prefix.address, address, sizeof(prefix.address));
    vip = bpf_map_lookup_elem(&prefixes6, &prefix);
    if (!vip || !vip->prefix)
        return NULL;
    key = *vip;
    key.protocol = protocol;
    return port_or_all6(&key, port_be);
}

/* Whether the address belongs to a VIP of any service. */
static __always_inline int is_vip4(__u32 address) { return find_service4(address, 0, 0) != NULL; }
static __always_inline int is_vip6(const void *address) { return find_service6(address, 0, 0) != NULL; }

/* What can't be balanced: dropped for a reason if it is for a VIP, otherwise none of our business. */
static __always_inline int refuse4(const struct iphdr *ip, enum lb_reason reason)
{
    return is_vip4(ip->daddr) ? drop(reason) : XDP_PASS;
}

static __always_inline int refuse6(const struct ipv6hdr *ip, enum lb_reason reason)
{
    return is_vip6(&ip->daddr) ? drop(reason) : XDP_PASS;
}

#endif
