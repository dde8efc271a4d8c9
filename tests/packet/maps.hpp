// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <vector>

/// BPF maps of a program under test. Errors of the operating system are thrown.
namespace culvert::packet {

/// `result` as libbpf returns it: a negative errno.
inline void check(int result, const char* what) {
    if (result < 0) throw std::system_error(-result, std::system_category(), what);
}

inline std::size_t cpus() {
    const int count = libbpf_num_possible_cpus();
    check(count, "count CPUs");
    return static_cast<std::size_t>(count);
}

template <typename Key, typename Value>
void update(const bpf_map* map, const Key& key, const Value& value) {
    check(bpf_map__update_elem(map, &key, sizeof key, &value, sizeof value, BPF_ANY), bpf_map__name(map));
}

/// One value, or with `copies` one for each CPU.
template <typename Value>
std::vector<Value> lookup(const bpf_map* map, std::uint32_t key, std::size_t copies = 1) {
    std::vector<Value> values(copies);
    check(bpf_map__lookup_elem(map, &key, sizeof key, values.data(), sizeof(Value) * copies, 0), bpf_map__name(map));
    return values;
}

}  // namespace culvert::packet
