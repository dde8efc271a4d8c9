// SPDX-License-Identifier: Apache-2.0
#include "common/bpffs.hpp"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace culvert::common {
namespace {

using netlink::failure;
using netlink::Result;

Result<> mount_bpffs() {
    struct statfs status {};
    if (::statfs(bpffs, &status) == 0 && status.f_type == BPF_FS_MAGIC) return {};
    if (::mount("bpf", bpffs, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
        return failure("mount", bpffs, errno, "XDP programs are kept there",
                       errno == EPERM ? "as root: mount -t bpf bpf /sys/fs/bpf" : "");
    return {};
}

}  // namespace

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
