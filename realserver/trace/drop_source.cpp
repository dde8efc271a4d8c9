// SPDX-License-Identifier: Apache-2.0
#include "realserver/trace/drop_source.hpp"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

#include "bpf/trace.h"
#include "common/libbpf_log.hpp"
#include "realserver/receive/receivers.hpp"
#include "trace.skel.h"

namespace culvert::realserver {

using common::LibbpfLog;
using netlink::failure;
using netlink::Result;

namespace {

constexpr const char* object = "the BPF program that sees dropped packets";

std::string privilege(int code) {
    return code == EPERM || code == EACCES ? "run as root, or with CAP_BPF and CAP_PERFMON" : "";
}

/// The numbers differ between kernels.
std::map<std::uint32_t, std::string> reason_names() {
    constexpr std::string_view prefix = "SKB_DROP_REASON_";
    std::map<std::uint32_t, std::string> names;
    const std::unique_ptr<btf, decltype(&btf__free)> types(btf__load_vmlinux_btf(), &btf__free);
    if (!types) return names;
    const int id = btf__find_by_name_kind(types.get(), "skb_drop_reason", BTF_KIND_ENUM);
    if (id < 0) return names;
    const btf_type* const type = btf__type_by_id(types.get(), static_cast<std::uint32_t>(id));
    for (std::uint32_t i = 0; i < btf_vlen(type); ++i) {
        const auto& value = btf_enum(type)[i];
        const std::string_view name = btf__name_by_offset(types.get(), value.name_off);
        names.emplace(value.val, name.starts_with(prefix) ? name.substr(prefix.size()) : name);
    }
    return names;
}

}  // namespace

struct DropSource::Program {
    struct Destroy {
        void operator()(trace_bpf* skeleton) const { trace_bpf__destroy(skeleton); }
        void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
    };

    Config config;
    OnDrop on_drop;
    Receivers receivers{config};
    std::map<std::uint32_t, std::string> reasons = reason_names();
    KernelSymbols symbols = [] {
        std::ifstream file("/proc/kallsyms");
        return KernelSymbols(file);
    }();
    std::unique_ptr<trace_bpf, Destroy> skeleton{};
    std::unique_ptr<ring_buffer, Destroy> ring{};

    void take(const trace_drop& seen) const {
        Drop drop;
        drop.device = std::string(seen.device, strnlen(seen.device, sizeof seen.device));
        auto packet = dissect({seen.bytes, seen.size}, seen.network, receivers.devices().contains(drop.device), config);
        if (!packet) return;
        const auto reason = reasons.find(seen.reason);
        drop.reason = reason == reasons.end() ? std::to_string(seen.reason) : reason->second;
        drop.function = symbols.function_at(seen.location);
        drop.length = seen.length;
        drop.packet = *std::move(packet);
        on_drop(drop);
    }
};

DropSource::DropSource(std::unique_ptr<Program> program) : program_(std::move(program)) {}
DropSource::DropSource(DropSource&& other) noexcept = default;
DropSource::~DropSource() = default;

Result<DropSource> DropSource::open(std::uint64_t cookie, Config config, OnDrop on_drop) {
    const LibbpfLog log;
    auto program = std::make_unique<Program>(Program{.config = std::move(config), .on_drop = std::move(on_drop)});
    program->skeleton.reset(trace_bpf__open());
    if (!program->skeleton) return failure("open", object, errno, LibbpfLog::tail());
    program->skeleton->rodata->namespace_cookie = cookie;
    if (const int error = trace_bpf__load(program->skeleton.get()); error < 0)
        return failure("load", object, -error, LibbpfLog::tail(), privilege(-error));

    const auto take = [](void* context, void* data, std::size_t) {
        static_cast<Program*>(context)->take(*static_cast<const trace_drop*>(data));
        return 0;
    };
    program->ring.reset(ring_buffer__new(bpf_map__fd(program->skeleton->maps.drops), take, program.get(), nullptr));
    if (!program->ring) return failure("read", "the ring of dropped packets", errno, LibbpfLog::tail());
    if (const int error = trace_bpf__attach(program->skeleton.get()); error < 0)
        return failure("attach", object, -error, LibbpfLog::tail(), privilege(-error));
    return DropSource(std::move(program));
}

int DropSource::fd() const { return ring_buffer__epoll_fd(program_->ring.get()); }

void DropSource::consume() { ring_buffer__consume(program_->ring.get()); }

std::uint64_t DropSource::lost() const { return program_->skeleton->bss->lost; }

}  // namespace culvert::realserver
