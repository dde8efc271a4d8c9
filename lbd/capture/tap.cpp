// SPDX-License-Identifier: Apache-2.0
#include "lbd/capture/tap.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "bpf/capture.h"
#include "capture.skel.h"
#include "common/fd.hpp"
#include "common/libbpf_log.hpp"
#include "lbd/model/cure.hpp"
#include "netlink/netns.hpp"

namespace culvert::lbd {
namespace {

using common::Fd;
using common::LibbpfLog;
using netlink::failure;
using netlink::Result;

constexpr const char* object = "the BPF program that captures";
constexpr std::size_t pages_a_cpu = 256;  // 1 MiB: a power of two

std::string privilege(int code) {
    return std::string(code == EPERM || code == EACCES ? cure_of("not_permitted_tracing") : "");
}

Result<Fd> program_on(std::uint32_t ifindex) {
    std::uint32_t id = 0;
    if (const int error = ::bpf_xdp_query_id(static_cast<int>(ifindex), 0, &id); error < 0)
        return failure("look for", "the balancer's program", -error, {}, privilege(-error));
    if (id == 0)
        return failure("look for", "the balancer's program", ENOENT, {},
                       "is it in this network namespace? --netns NAME");
    Fd program(::bpf_prog_get_fd_by_id(id));
    if (!program.is_open()) return failure("open", "the balancer's program", errno, {}, privilege(errno));
    return program;
}

/// The descriptor of a map that the program uses.
Result<Fd> map_of(const Fd& program, const std::string& name) {
    std::array<std::uint32_t, 64> ids{};
    bpf_prog_info info{};
    info.nr_map_ids = ids.size();
    info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
    std::uint32_t size = sizeof info;
    if (::bpf_obj_get_info_by_fd(program.get(), &info, &size) < 0)
        return failure("read", "the balancer's program", errno);
    for (const std::uint32_t id : std::span(ids).first(std::min<std::size_t>(info.nr_map_ids, ids.size()))) {
        Fd map(::bpf_map_get_fd_by_id(id));
        bpf_map_info about{};
        std::uint32_t about_size = sizeof about;
        if (map.is_open() && ::bpf_obj_get_info_by_fd(map.get(), &about, &about_size) == 0 && name == about.name)
            return map;
    }
    return failure("find", "the map " + name + " of the XDP program", ENOENT, {}, "is it lbd's program?");
}

Result<> share(const Fd& program, bpf_map* map) {
    TRY(const Fd theirs, map_of(program, ::bpf_map__name(map)));
    if (::bpf_map__reuse_fd(map, theirs.get()) < 0) return failure("share BPF map", ::bpf_map__name(map), errno);
    return {};
}

/// Reads a structure from the beginning of the data; false if these are too short.
template <typename T>
bool read(std::span<const std::uint8_t> record, T& value) {
    if (record.size() < sizeof value) return false;
    std::memcpy(&value, record.data(), sizeof value);
    return true;
}

}  // namespace

struct Tap::Program {
    struct Destroy {
        void operator()(capture_bpf* skeleton) const { capture_bpf::destroy(skeleton); }
        void operator()(perf_buffer* buffer) const { ::perf_buffer__free(buffer); }
    };
    struct Pending {
        std::uint64_t number = 0;
        Captured packet;
    };

    OnPacket on_packet;
    OnLoss on_loss;
    std::unique_ptr<capture_bpf, Destroy> skeleton{};
    std::unique_ptr<perf_buffer, Destroy> buffer{};
    std::map<int, Pending> pending{};  // by CPU: packets that have arrived but not left
    std::uint64_t lost = 0;

    void take(int cpu, std::span<const std::uint8_t> record) {
        std::uint32_t kind = 0;
        capture_event event{};
        capture_loss loss{};
        if (!read(record, kind)) return;
        if (kind == CAPTURE_LOST && read(record, loss)) {
            on_loss({.time = loss.time, .seen = loss.seen, .to = loss.to, .frames = loss.frames, .error = -loss.error});
        } else if (kind != CAPTURE_LOST && read(record, event)) {
            const auto bytes = record.subspan(sizeof event);
            take(cpu, event, bytes.first(std::min<std::size_t>(event.size, bytes.size())));
        }
    }

    void take(int cpu, const capture_event& event, std::span<const std::uint8_t> bytes) {
        Pending& waiting = pending[cpu];
        if (event.kind == CAPTURE_IN) {
            waiting = {.number = event.number, .packet = {}};
            waiting.packet.time = event.time;
            waiting.packet.ifindex = event.ifindex;
            waiting.packet.in.assign(bytes.begin(), bytes.end());
            waiting.packet.in_length = event.length;
            return;
        }
        if (waiting.packet.in.empty() || waiting.number != event.number) return;  // its arrival was not seen
        Captured& packet = waiting.packet;
        packet.left = event.time;
        packet.out.assign(bytes.begin(), bytes.end());
        packet.out_length = event.length;
        packet.verdict = static_cast<std::uint32_t>(event.verdict);
        if (event.reason >= 0) packet.reason = static_cast<lb_reason>(event.reason);
        if (event.event >= 0) packet.event = static_cast<lb_event>(event.event);
        on_packet(packet);
        packet.in.clear();
    }
};

Tap::Tap(std::unique_ptr<Program> program) : program_(std::move(program)) {}
Tap::Tap(Tap&&) noexcept = default;
Tap::~Tap() = default;

Result<Tap> Tap::open(const TapTarget& what, OnPacket on_packet, OnLoss on_loss) {
    const LibbpfLog log;
    TRY(const Fd target, program_on(what.ifindex));
    TRY(const std::uint64_t cookie, netlink::NetworkNamespace::current_cookie());
    auto program = std::make_unique<Program>(Program{.on_packet = std::move(on_packet), .on_loss = std::move(on_loss)});
    program->skeleton.reset(capture_bpf::open());
    if (!program->skeleton) return failure("open", object, errno, LibbpfLog::tail());
    capture_bpf& skeleton = *program->skeleton;
    skeleton.rodata->snap_length = what.snap_length;
    skeleton.rodata->namespace_cookie = cookie;
    for (bpf_program* half : {skeleton.progs.comes, skeleton.progs.leaves}) {
        ::bpf_program__set_autoload(half, !what.only_losses);
        const int error = what.only_losses ? 0 : ::bpf_program__set_attach_target(half, target.get(), "lb");
        if (error < 0)
            return failure("set the target of", object, -error, LibbpfLog::tail(), "is the XDP program lbd's?");
    }
    CHECK_OK(share(target, skeleton.maps.reasons));
    CHECK_OK(share(target, skeleton.maps.events));
    if (const int error = capture_bpf::load(&skeleton); error < 0)
        return failure("load", object, -error, LibbpfLog::tail(), privilege(-error));

    const auto take = [](void* self, int cpu, void* data, std::uint32_t size) {
        static_cast<Program*>(self)->take(cpu, {static_cast<const std::uint8_t*>(data), size});
    };
    const auto lose = [](void* self, int, __u64 count) { static_cast<Program*>(self)->lost += count; };
    program->buffer.reset(
        ::perf_buffer__new(::bpf_map__fd(skeleton.maps.packets), pages_a_cpu, take, lose, program.get(), nullptr));
    if (!program->buffer) return failure("open", "the buffer of captured packets", errno, {}, privilege(errno));
    // `comes` is attached last, so that every packet seen on arrival is also seen leaving, or lost.
    const auto& [programs, links] = std::tie(skeleton.progs, skeleton.links);
    for (const auto& [one, link] :
         {std::pair{programs.not_redirected, &links.not_redirected},
          std::pair{programs.not_transmitted, &links.not_transmitted},
          std::pair{programs.not_sent_back, &links.not_sent_back}, std::pair{programs.failed, &links.failed},
          std::pair{programs.leaves, &links.leaves}, std::pair{programs.comes, &links.comes}}) {
        if (!::bpf_program__autoload(one)) continue;
        *link = ::bpf_program__attach(one);
        if (*link == nullptr) return failure("attach", object, errno, LibbpfLog::tail());
    }
    return Tap(std::move(program));
}

Result<> Tap::poll(std::chrono::milliseconds time) {
    const int result = ::perf_buffer__poll(program_->buffer.get(), static_cast<int>(time.count()));
    if (result < 0 && result != -EINTR) return failure("wait for", "captured packets", -result);
    return {};
}

std::uint64_t Tap::lost() const { return program_->lost; }

}  // namespace culvert::lbd
