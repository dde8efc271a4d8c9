// SPDX-License-Identifier: Apache-2.0
#include "common/bpffs.hpp"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>

namespace culvert::common {
namespace {

using netlink::failure;
using netlink::Result;

/// 0 if there is none, or it can't be seen.
int parent_of(int process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/stat");
    std::string text;
    std::getline(file, text);
    const std::size_t name_ends = text.rfind(") ");  // it may hold anything
    if (name_ends == std::string::npos || name_ends + 4 > text.size()) return 0;
    return std::atoi(text.c_str() + name_ends + 4);  // "(name) S 4711 …": proc_pid_stat(5)
}

std::optional<ino_t> mount_namespace_of(int process) {
    struct stat status {};
    if (::stat(("/proc/" + std::to_string(process) + "/ns/mnt").c_str(), &status) < 0) return std::nullopt;
    return status.st_ino;
}

/// The mounts of a mount namespace that one of the processes above has made vanish when that process ends. `ip netns
/// exec` makes such a namespace.
bool mounts_are_passing() {
    const auto own = mount_namespace_of(::getpid());
    for (int process = ::getppid(); process > 0; process = parent_of(process))
        if (const auto theirs = mount_namespace_of(process); own && theirs && theirs != own) return true;
    return false;
}

Result<> mount_bpffs() {
    if (is_bpffs_mounted()) return {};
    if (mounts_are_passing())
        return failure(
            "mount", bpffs, 0,
            "XDP programs are pinned there, but a mount by this process would vanish with it, and so would the pins",
            "use --netns NAME instead of ip netns exec NAME; or, outside of that: mount -t bpf bpf " +
                std::string(bpffs));
    if (::mount("bpf", bpffs, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
        return failure("mount", bpffs, errno, "XDP programs are pinned there",
                       errno == EPERM ? "as root: mount -t bpf bpf /sys/fs/bpf" : "");
    return {};
}

}  // namespace

bool is_bpffs_mounted() {
    struct statfs status {};
    return ::statfs(bpffs, &status) == 0 && status.f_type == BPF_FS_MAGIC;
}

Result<> make_pin_directory(const std::string& path) {
    CHECK_OK(mount_bpffs());
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return failure("make directory", path, error.value(), {}, bpf_privilege(error.value()));
    return {};
}

std::string bpf_privilege(int code) {
    return code == EPERM || code == EACCES ? "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON" : "";
}

}  // namespace culvert::common
