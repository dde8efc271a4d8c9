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

static __always_inline struct lb_service *port_or_all4(struct lb_vip4 *key, __u16 port_be)
{
    struct lb_service *service;

    key->port_be = port_be;
    service = bpf_map_lookup_elem(&vips4, key);
    if (!service && config.all_ports && port_be) {
        key->port_be = 0;
        service = bpf_map_lookup_elem(&vips4, key);
    }
    return service;
}

static __always_inline struct lb_service *port_or_all6(struct lb_vip6 *key, __u16 port_be)
{
    struct lb_service *service;

    key->port_be = port_be;
    service = bpf_map_lookup_elem(&vips6, key);
    if (!service && config.all_ports && port_be) {
        key->port_be = 0;
        service = bpf_map_lookup_elem(&vips6, key);
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
