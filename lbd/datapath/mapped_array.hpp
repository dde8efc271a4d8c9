// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "netlink/result.hpp"

namespace culvert::lbd {

/// The values of a BPF array map with BPF_F_MMAPABLE: the memory that the programs use.
template <typename T>
class MappedArray {
    static_assert(sizeof(T) % 8 == 0, "an array map pads its values to 8 bytes");

  public:
    [[nodiscard]] static netlink::Result<MappedArray> map(int fd, std::size_t count, const std::string& name) {
        const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        const std::size_t size = (count * sizeof(T) + page - 1) / page * page;
        void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory == MAP_FAILED) return netlink::failure("map into memory", "BPF map " + name, errno);
        return MappedArray(static_cast<T*>(memory), count, size);
    }

    [[nodiscard]] static netlink::Result<MappedArray> map(const bpf_map* map) {
        return MappedArray::map(::bpf_map__fd(map), ::bpf_map__max_entries(map), ::bpf_map__name(map));
    }

    MappedArray(MappedArray&& other) noexcept
        : values_(std::exchange(other.values_, {})), size_(std::exchange(other.size_, 0)) {}
    MappedArray& operator=(MappedArray&& other) noexcept {
        std::swap(values_, other.values_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~MappedArray() {
        if (size_ != 0) ::munmap(values_.data(), size_);
    }

    [[nodiscard]] std::span<T> values() const { return values_; }

  private:
    MappedArray(T* values, std::size_t count, std::size_t size) : values_(values, count), size_(size) {}

    std::span<T> values_;
    std::size_t size_;  // in bytes, whole pages
};

}  // namespace culvert::lbd
