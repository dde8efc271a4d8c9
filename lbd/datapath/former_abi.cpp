// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/former_abi.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "lbd/datapath/inherit.hpp"
#include "lbd/datapath/mapped_array.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;

struct Service4 {
    std::uint32_t ring;
    std::uint32_t ring_size;
    std::uint32_t dest_base;
    std::uint32_t flags;
};
struct Vip4Line {
    lb_vip4 key[LB_VIP4_WAYS];
    Service4 service[LB_VIP4_WAYS];
    std::uint32_t used;
    std::uint32_t spilled;
    std::uint32_t pad[2];
};
struct Vip6Line {
    lb_vip6 key[LB_VIP6_WAYS];
    Service4 service[LB_VIP6_WAYS];
    std::uint32_t used;
    std::uint32_t spilled;
    std::uint32_t pad[3];
};
static_assert(sizeof(Vip4Line) == sizeof(lb_vip4_line) && sizeof(Vip6Line) == sizeof(lb_vip6_line));

template <typename Line, typename Key>
Result<std::vector<std::pair<Key, lb_service>>> entries(int map, std::uint32_t half) {
    TRY(const std::uint32_t count, max_entries(map));
    TRY(const auto lines, MappedArray<Line>::map(map, count, "vips"));
    std::vector<std::pair<Key, lb_service>> entries;
    for (const Line& line : half_of(lines.values(), half))
        for (std::size_t way = 0; way < std::size(line.key); ++way) {
            if ((line.used & 1U << way) == 0) continue;
            const auto& [ring, ring_size, dest_base, flags] = line.service[way];
            const std::uint32_t each = line.key[way].protocol != 0 ? std::uint32_t{LB_SERVICE_EACH} : 0U;
            entries.emplace_back(line.key[way], lb_service{.ring = ring,
                                                           .ring_size = ring_size,
                                                           .dest_base = dest_base,
                                                           .flags = flags | each,
                                                           .transition = 0});
        }
    return entries;
}

/// The offset of a variable in a map of variables, as the kernel knows their types.
Result<std::uint32_t> offset_of(std::string_view variable, const bpf_map_info& info) {
    const std::unique_ptr<btf, void (*)(btf*)> types(::btf__load_from_kernel_by_id(info.btf_id), ::btf__free);
    const btf_type* const section = types ? ::btf__type_by_id(types.get(), info.btf_value_type_id) : nullptr;
    if (section == nullptr || !btf_is_datasec(section)) return failure("read", "the former program's types", EPROTO);
    const btf_var_secinfo* const variables = btf_var_secinfos(section);
    for (std::uint16_t i = 0; i < btf_vlen(section); ++i) {
        const btf_type* const type = ::btf__type_by_id(types.get(), variables[i].type);
        if (type != nullptr && ::btf__name_by_offset(types.get(), type->name_off) == variable)
            return variables[i].offset;
    }
    return failure("find", "a variable of the former program", EPROTO);
}

}  // namespace

Result<std::vector<Vip4Entry>> former_vips4(int map, std::uint32_t half) {
    return entries<Vip4Line, lb_vip4>(map, half);
}
Result<std::vector<Vip6Entry>> former_vips6(int map, std::uint32_t half) {
    return entries<Vip6Line, lb_vip6>(map, half);
}

Result<std::uint32_t> former_vips_half(int state) {
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    if (::bpf_obj_get_info_by_fd(state, &info, &size) < 0) return failure("read", "a BPF map's properties", errno);
    TRY(const std::uint32_t offset, offset_of("vips_half", info));
    std::vector<std::uint8_t> variables(info.value_size);
    const std::uint32_t key = 0;
    if (::bpf_map_lookup_elem(state, &key, variables.data()) < 0)
        return failure("read", "the former program's variables", errno);
    std::uint32_t half = 0;
    if (offset + sizeof half > variables.size()) return failure("read", "the former program's variables", EPROTO);
    std::memcpy(&half, variables.data() + offset, sizeof half);
    return half & 1;
}

}  // namespace culvert::lbd
