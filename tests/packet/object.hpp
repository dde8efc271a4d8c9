// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bpf/libbpf.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/packet/maps.hpp"

/// Skeletons of programs, with the objects of any compiler.
namespace culvert::packet {

/// A folder with lb.bpf.o and the other objects; empty: the objects in the skeletons. CULVERT_BPF_OBJECTS sets it for
/// all tests of the process.
inline std::string default_objects() {
    const char* folder = std::getenv("CULVERT_BPF_OBJECTS");
    return folder == nullptr ? "" : folder;
}

template <typename Skeleton>
struct DestroySkeleton {
    void operator()(Skeleton* skeleton) const { Skeleton::destroy(skeleton); }
};
template <typename Skeleton>
using SkeletonPointer = std::unique_ptr<Skeleton, DestroySkeleton<Skeleton>>;

/// Opens, but does not load. `create` is the skeleton's own function of that name.
template <typename Skeleton>
SkeletonPointer<Skeleton> open_skeleton(int (*create)(Skeleton*), const std::string& objects, const std::string& name) {
    SkeletonPointer<Skeleton> skeleton(static_cast<Skeleton*>(std::calloc(1, sizeof(Skeleton))));
    if (!skeleton) throw std::bad_alloc();
    check(create(skeleton.get()), "make the BPF skeleton");
    std::vector<char> object;
    if (!objects.empty()) {
        const std::string path = objects + "/" + name + ".bpf.o";
        std::ifstream file(path, std::ios::binary);
        object.assign(std::istreambuf_iterator<char>(file), {});
        if (object.empty()) throw std::runtime_error("no BPF object " + path);
        skeleton->skeleton->data = object.data();
        skeleton->skeleton->data_sz = object.size();
    }
    check(bpf_object__open_skeleton(skeleton->skeleton, nullptr), "open the BPF object");
    return skeleton;
}

}  // namespace culvert::packet
