// SPDX-License-Identifier: Apache-2.0
#include "common/bpffs.hpp"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <cerrno>

namespace culvert::common {

netlink::Result<> mount_bpffs() {
    struct statfs status {};
    if (::statfs(bpffs, &status) == 0 && status.f_type == BPF_FS_MAGIC) return {};
    if (::mount("bpf", bpffs, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
        return netlink::failure("mount", bpffs, errno, "XDP programs are kept there",
                                errno == EPERM ? "as root: mount -t bpf bpf /sys/fs/bpf" : "");
    return {};
}

}  // namespace culvert::common
