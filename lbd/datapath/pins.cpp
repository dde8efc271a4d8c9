// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/pins.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <set>
#include <thread>
#include <utility>

#include "bpf/abi.h"
#include "common/bpffs.hpp"
#include "lbd/datapath/former_abi.hpp"
#include "lbd/model/cure.hpp"
#include "netlink/netns.hpp"

namespace culvert::lbd {
namespace {

namespace fs = std::filesystem;
using common::bpf_privilege;
using netlink::failure;
using netlink::Result;

constexpr std::chrono::seconds time_of_others{1};  // for a process that sweeps, or is about to end
constexpr std::chrono::milliseconds pause{10};

/// Id of the pinned program; 0 if the generation is incomplete.
std::uint32_t program_of(const Generation& generation) {
    const Fd program(::bpf_obj_get(generation.pin(program_pin).c_str()));
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    if (!program.is_open() || ::bpf_obj_get_info_by_fd(program.get(), &info, &size) < 0) return 0;
    return info.id;
}

std::optional<PinnedLink> open_link(const std::string& path) {
    PinnedLink link{.path = path, .fd = Fd(::bpf_obj_get(path.c_str()))};
    bpf_link_info info{};
    std::uint32_t size = sizeof info;
    if (!link.fd.is_open() || ::bpf_obj_get_info_by_fd(link.fd.get(), &info, &size) < 0) return std::nullopt;
    link.ifindex = info.xdp.ifindex;
    link.program = info.prog_id;
    return link;
}

std::string link_path(const std::string& home, std::uint32_t ifindex) {
    return fmt::format("{}links/{}", home, ifindex);
}

std::vector<PinnedLink> links_in(const std::string& home) {
    std::vector<PinnedLink> links;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(home + "links", error))
        if (auto link = open_link(entry.path().string())) links.push_back(*std::move(link));
    return links;
}

Result<std::string> home_of_this_namespace() {
    TRY(const std::uint64_t cookie, netlink::NetworkNamespace::current_cookie());
    return fmt::format("{}/culvert/lbd/{}/", common::bpffs, cookie);
}

bool none_runs(const std::string& home) {
    return std::ranges::all_of(links_in(home), [](const PinnedLink& link) { return link.ifindex == 0; });
}

/// EWOULDBLOCK if another process has the lock; ENOENT if the directory was removed meanwhile, which needs the lock.
Result<Fd> lock(const std::string& home) {
    Fd directory(::open(home.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open() || ::flock(directory.get(), LOCK_EX | LOCK_NB) < 0) return failure("lock", home, errno);
    struct stat locked {
    }, there{};
    if (::fstat(directory.get(), &locked) < 0 || ::stat(home.c_str(), &there) < 0) return failure("lock", home, errno);
    if (locked.st_ino != there.st_ino) return failure("lock", home, ENOENT);
    return directory;
}

/// Removes the pins of balancers whose interfaces are all gone, mostly those of deleted network namespaces.
void sweep(const std::string& own) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(fs::path(common::bpffs) / "culvert/lbd", error)) {
        const std::string home = entry.path().string() + "/";
        if (home == own || !none_runs(home)) continue;
        if (const auto locked = lock(home); locked && none_runs(home)) fs::remove_all(home, error);
    }
}

/// Other users must not be able to lock it, as that would keep lbd from running.
Result<> make(const std::string& home) {
    CHECK_OK(common::make_pin_directory(fs::path(home).parent_path().parent_path().string()));
    if (::mkdir(home.c_str(), 0700) < 0 && errno != EEXIST)
        return failure("create directory", home, errno, {}, bpf_privilege(errno));
    return {};
}

}  // namespace

Result<Pins> Pins::look() {
    TRY(std::string home, home_of_this_namespace());
    return Pins(std::move(home), Fd());
}

Result<Pins> Pins::open() {
    TRY(std::string home, home_of_this_namespace());
    sweep(home);
    for (const auto deadline = std::chrono::steady_clock::now() + time_of_others;;) {
        CHECK_OK(make(home));
        auto locked = lock(home);
        if (locked) {
            CHECK_OK(common::make_pin_directory(home + "links"));
            return Pins(std::move(home), *std::move(locked));
        }
        const int code = locked.error().code;
        if (code != EWOULDBLOCK && code != ENOENT) return tl::unexpected(std::move(locked.error()));
        if (std::chrono::steady_clock::now() >= deadline)
            return failure("lock", home, code, "another lbd is running in this network namespace");
        std::this_thread::sleep_for(pause);
    }
}

std::vector<Generation> Pins::generations() const {
    std::vector<Generation> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(home_, error)) {
        Generation one{.directory = entry.path().string() + "/"};
        if (std::sscanf(entry.path().filename().c_str(), "%u-%u", &one.abi, &one.number) == 2) found.push_back(one);
    }
    std::ranges::sort(found, std::ranges::greater{}, &Generation::number);
    return found;
}

Result<std::optional<Generation>> Pins::present() const {
    std::set<std::uint32_t> running;
    for (const PinnedLink& link : links())
        if (link.ifindex != 0) running.insert(link.program);
    std::optional<Generation> present;
    for (const Generation& one : generations()) {
        const std::uint32_t program = program_of(one);
        if (program == 0) continue;
        if (!present || running.contains(program)) present = one;
        if (running.contains(program)) break;
    }
    if (present && present->abi != LB_ABI_VERSION && present->abi != former_abi)
        return failure(
            "take over", present->directory, EPROTO,
            fmt::format("its maps have ABI version {}, those of this version {}", present->abi, LB_ABI_VERSION),
            std::string(cure_of("other_version_runs")));
    return present;
}

Result<Generation> Pins::make_next() const {
    const auto all = generations();
    Generation next{.abi = LB_ABI_VERSION, .number = all.empty() ? 1 : all.front().number + 1, .directory = {}};
    next.directory = fmt::format("{}{}-{}/", home_, next.abi, next.number);
    CHECK_OK(common::make_pin_directory(next.directory));
    return next;
}

void Pins::keep_only(const Generation& generation) const {
    std::error_code error;
    for (const Generation& other : generations())
        if (other.number != generation.number) fs::remove_all(other.directory, error);
}

void Pins::remove(const Generation& generation) {
    std::error_code error;
    fs::remove_all(generation.directory, error);
}

std::vector<PinnedLink> Pins::links() const { return links_in(home_); }

Result<> Pins::attach(int program, std::uint32_t ifindex, std::uint32_t flags) const {
    const std::string path = link_path(home_, ifindex);
    if (const auto present = link(ifindex)) {
        if (::bpf_link_update(present->fd.get(), program, nullptr) < 0)
            return failure("replace the XDP program at", path, errno, {}, bpf_privilege(errno));
        return {};
    }
    bpf_link_create_opts options{};
    options.sz = sizeof options;
    options.flags = flags;
    const Fd made(::bpf_link_create(program, static_cast<int>(ifindex), BPF_XDP, &options));
    if (!made.is_open()) return failure("attach XDP", {}, errno, {}, bpf_privilege(errno));
    std::remove(path.c_str());
    if (::bpf_obj_pin(made.get(), path.c_str()) < 0) return failure("pin", path, errno, {}, bpf_privilege(errno));
    return {};
}

std::optional<PinnedLink> Pins::link(std::uint32_t ifindex) const { return read_link(ifindex).value_or(std::nullopt); }

Result<std::optional<PinnedLink>> Pins::read_link(std::uint32_t ifindex) const {
    const std::string path = link_path(home_, ifindex);
    auto link = open_link(path);
    if (!link && errno != ENOENT) return failure("read", path, errno, {}, bpf_privilege(errno));
    if (link && link->ifindex != ifindex) link.reset();
    return link;
}

void Pins::forget_detached() const {
    for (const PinnedLink& link : links())
        if (link.ifindex == 0) std::remove(link.path.c_str());
}

Result<> Pins::detach(const PinnedLink& link) {
    // Detaches at once. After removing the last file the kernel would detach with a delay.
    if (link.ifindex != 0 && ::bpf_link_detach(link.fd.get()) < 0)
        return failure("detach XDP at", link.path, errno, {}, bpf_privilege(errno));
    std::remove(link.path.c_str());
    return {};
}

Result<> Pins::remove() const {
    for (const PinnedLink& link : links()) CHECK_OK(detach(link));
    std::error_code error;
    fs::remove_all(home_, error);
    if (error) return failure("remove", home_, error.value(), {}, bpf_privilege(error.value()));
    return {};
}

}  // namespace culvert::lbd
