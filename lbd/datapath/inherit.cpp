// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/inherit.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <string_view>

#include "common/libbpf_log.hpp"
#include "lb.skel.h"
#include "lbd/datapath/former_abi.hpp"
#include "lbd/datapath/mapped_array.hpp"
#include "lbd/datapath/vip_table.hpp"
#include "lbd/model/cure.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;

constexpr std::string_view cure = cure_of("other_version_runs");

constexpr const char* config_map = "compiled_to";

constexpr std::uint32_t first_transition_lines = 1U << 14;  // for a table of 65,537 entries, twice

/// Maps with the same name in the former ABI version that this one cannot share.
bool is_other(const bpf_map* map, const lb_bpf& skeleton) {
    const auto& maps = skeleton.maps;
    return map == maps.vips4 || map == maps.vips6 || map == maps.bss || map == maps.flows;
}

/// The file name of a shared map; empty for maps that each program has for itself. bpffs allows no dots in names.
std::string pin_name(const bpf_map* map) {
    const std::string_view name = ::bpf_map__name(map);
    if (name.ends_with(".rodata") || name == ".data.own") return {};
    return name.ends_with(".bss") ? "state" : std::string(name);
}

Result<Fd> open_map(const Generation& generation, const std::string& name) {
    Fd fd(::bpf_obj_get(generation.pin(name).c_str()));
    if (!fd.is_open()) return failure("take over", generation.pin(name), errno, {}, std::string(cure));
    return fd;
}

Result<bpf_map_info> info_of(int fd) {
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    if (::bpf_obj_get_info_by_fd(fd, &info, &size) < 0) return failure("read", "a BPF map's properties", errno);
    return info;
}

bool is_shaped_as(const bpf_map_info& info, const bpf_map* map) {
    return info.type == ::bpf_map__type(map) && info.key_size == ::bpf_map__key_size(map) &&
           info.value_size == ::bpf_map__value_size(map);
}

template <typename Line, typename Entries, typename Build>
Result<> write_vips(const Entries& entries, const bpf_map* to, std::uint32_t half, const Build& build_table) {
    TRY(const auto after, MappedArray<Line>::map(::bpf_map__fd(to), ::bpf_map__max_entries(to), ::bpf_map__name(to)));
    const auto size = after.values().size() / 2;
    const auto table = build_table(entries, static_cast<std::uint32_t>(size));
    if (table.empty()) return failure("add VIPs", "to their hash table", ENOSPC);
    std::ranges::copy(table, after.values().subspan(half * size).begin());
    return {};
}

template <typename Line, typename Build>
Result<> copy_vips(int from, const bpf_map* to, std::uint32_t half, const Build& build_table) {
    TRY(const std::uint32_t lines, max_entries(from));
    TRY(const auto before, MappedArray<Line>::map(from, lines, ::bpf_map__name(to)));
    const std::span<const Line> all = before.values();
    return write_vips<Line>(vip_entries(half_of(all, half)), to, half, build_table);
}

Result<> copy_memory(int from, const bpf_map* to) {
    struct Word {
        std::uint64_t value;
    };
    const std::size_t words = ::bpf_map__value_size(to) / sizeof(Word);
    TRY(const std::uint32_t count, max_entries(from));
    TRY(const auto before, MappedArray<Word>::map(from, count * words, ::bpf_map__name(to)));
    TRY(const auto after,
        MappedArray<Word>::map(::bpf_map__fd(to), ::bpf_map__max_entries(to) * words, ::bpf_map__name(to)));
    const auto size = std::min(before.values().size(), after.values().size());
    std::memcpy(after.values().data(), before.values().data(), size * sizeof(Word));
    return {};
}

Result<> copy_elements(int from, const bpf_map* to) {
    const auto cpus = static_cast<std::size_t>(::libbpf_num_possible_cpus());
    std::vector<std::uint8_t> key(::bpf_map__key_size(to));
    std::vector<std::uint8_t> value(((::bpf_map__value_size(to) + 7) / 8 * 8) * cpus);
    const bool is_array = ::bpf_map__type(to) == BPF_MAP_TYPE_PERCPU_ARRAY;
    for (bool more = ::bpf_map_get_next_key(from, nullptr, key.data()) == 0; more;
         more = ::bpf_map_get_next_key(from, key.data(), key.data()) == 0) {
        if (::bpf_map_lookup_elem(from, key.data(), value.data()) < 0 ||
            ::bpf_map_update_elem(::bpf_map__fd(to), key.data(), value.data(), BPF_ANY) == 0)
            continue;
        if (is_array && errno == E2BIG) break;  // what only the other version counts
        return failure("copy into BPF map", ::bpf_map__name(to), errno);
    }
    return {};
}

}  // namespace

Result<std::uint32_t> max_entries(int fd) {
    TRY(const bpf_map_info info, info_of(fd));
    return info.max_entries;
}

Result<Build> read_build(const Generation& generation) {
    const common::LibbpfLog log;
    Build build;
    TRY(const Fd config, open_map(generation, config_map));
    TRY(const bpf_map_info info, info_of(config.get()));
    if (info.value_size != sizeof build.config)
        return failure("take over", generation.directory, EPROTO, "its program's constants differ in size",
                       std::string(cure));
    const std::uint32_t key = 0;
    if (::bpf_map_lookup_elem(config.get(), &key, &build.config) < 0)
        return failure("read", generation.pin(config_map), errno);
    const auto size = [&](const char* name) -> Result<std::uint32_t> {
        TRY(const Fd map, open_map(generation, name));
        return max_entries(map.get());
    };
    TRY(const std::uint32_t vips4, size("vips4"));
    TRY(const std::uint32_t vips6, size("vips6"));
    TRY(build.limits.ring_lines, size("rings"));
    if (generation.abi == former_abi) {
        build.limits.transition_lines = first_transition_lines;
    } else {
        TRY(build.limits.transition_lines, size("transitions"));
    }
    TRY(build.limits.dests, size("dests"));
    build.limits.vips4 = vips4 / 2;
    build.limits.vips6 = vips6 / 2;
    return build;
}

Result<std::vector<Replaced>> share_maps(const lb_bpf& skeleton, const Generation& generation) {
    std::vector<Replaced> replaced;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, skeleton.obj) {
        const std::string name = pin_name(map);
        if (name.empty() || name == config_map) continue;
        const bool is_former = generation.abi == former_abi;
        if (is_former && map == skeleton.maps.transitions) continue;
        TRY(Fd fd, open_map(generation, name));
        if (is_former && is_other(map, skeleton)) {
            replaced.push_back({.map = map, .former = std::move(fd)});
            continue;
        }
        TRY(const bpf_map_info info, info_of(fd.get()));
        if (!is_shaped_as(info, map))
            return failure("take over", generation.pin(name), EPROTO,
                           fmt::format("its values have {} bytes, those of this version {}", info.value_size,
                                       ::bpf_map__value_size(map)),
                           std::string(cure));
        if (info.max_entries != ::bpf_map__max_entries(map))
            replaced.push_back({.map = map, .former = std::move(fd)});
        else if (const int error = ::bpf_map__reuse_fd(map, fd.get()); error < 0)
            return failure("take over", generation.pin(name), -error);
    }
    return replaced;
}

Result<> map_state(const lb_bpf& skeleton) {
    const int fd = ::bpf_map__fd(skeleton.maps.bss);
    if (::mmap(skeleton.bss, sizeof *skeleton.bss, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
        return failure("map into memory", "BPF map state", errno);
    return {};
}

/// Of the former ABI version.
Result<> convert_maps(const lb_bpf& skeleton, const std::vector<Replaced>& replaced) {
    const auto& maps = skeleton.maps;
    std::uint32_t half = 0;
    for (const auto& [map, former] : replaced)
        if (map == maps.bss) {
            TRY(half, former_vips_half(former.get()));
        }
    for (const auto& [map, former] : replaced) {
        if (map == maps.vips4) {
            TRY(const auto entries, former_vips4(former.get(), half));
            CHECK_OK(write_vips<lb_vip4_line>(entries, map, 0, vip4_table));
        } else if (map == maps.vips6) {
            TRY(const auto entries, former_vips6(former.get(), half));
            CHECK_OK(write_vips<lb_vip6_line>(entries, map, 0, vip6_table));
        }
    }
    return {};
}

Result<> copy_maps(const lb_bpf& skeleton, const std::vector<Replaced>& replaced, std::uint32_t abi) {
    if (abi == former_abi) CHECK_OK(convert_maps(skeleton, replaced));
    const auto& maps = skeleton.maps;
    const std::uint32_t half = skeleton.bss->vips_half & 1;
    const auto copy = [&](int from, const bpf_map* to) -> Result<> {
        if (to == maps.flows || (abi == former_abi && is_other(to, skeleton))) return {};
        if (to == maps.vips4) return copy_vips<lb_vip4_line>(from, to, half, vip4_table);
        if (to == maps.vips6) return copy_vips<lb_vip6_line>(from, to, half, vip6_table);
        return (::bpf_map__map_flags(to) & BPF_F_MMAPABLE) != 0 ? copy_memory(from, to) : copy_elements(from, to);
    };
    for (const auto& [map, former] : replaced) CHECK_OK(copy(former.get(), map));
    return {};
}

Result<> pin(const lb_bpf& skeleton, const Generation& generation) {
    const std::uint32_t key = 0;
    if (::bpf_map_update_elem(::bpf_map__fd(skeleton.maps.compiled_to), &key, &skeleton.rodata->config, BPF_ANY) < 0)
        return failure("write BPF map", config_map, errno);
    const bpf_map* map = nullptr;
    bpf_object__for_each_map(map, skeleton.obj) {
        const std::string name = pin_name(map);
        if (name.empty()) continue;
        const std::string path = generation.pin(name);
        if (::bpf_obj_pin(::bpf_map__fd(map), path.c_str()) < 0) return failure("pin", path, errno);
    }
    const std::string path = generation.pin(program_pin);
    if (::bpf_obj_pin(::bpf_program__fd(skeleton.progs.lb), path.c_str()) < 0) return failure("pin", path, errno);
    return {};
}

}  // namespace culvert::lbd
