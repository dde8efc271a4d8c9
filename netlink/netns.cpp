// SPDX-License-Identifier: Apache-2.0
#include "netlink/netns.hpp"

#include <asm/socket.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

namespace culvert::netlink {

namespace {

constexpr const char* directory = "/run/netns";
constexpr const char* own = "/proc/thread-self/ns/net";

std::string path_of(std::string_view name) { return std::string(directory) + "/" + std::string(name); }

std::string privilege(int code) { return code == EPERM || code == EACCES ? "run as root, with CAP_SYS_ADMIN" : ""; }

bool is_name(std::string_view name) {
    return !name.empty() && name != "." && name != ".." &&
           name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
}

/// Names are mounts. They must propagate to other mount namespaces; otherwise a removed name stays busy there.
Result<> share_directory() {
    if (mkdir(directory, 0755) < 0 && errno != EEXIST) return failure("make", directory, errno, {}, privilege(errno));
    if (mount("", directory, "none", MS_SHARED | MS_REC, nullptr) == 0) return {};
    if (errno != EINVAL) return failure("mount", directory, errno, {}, privilege(errno));
    // not a mount point yet
    if (mount(directory, directory, "none", MS_BIND | MS_REC, nullptr) < 0 ||
        mount("", directory, "none", MS_SHARED | MS_REC, nullptr) < 0)
        return failure("mount", directory, errno, {}, privilege(errno));
    return {};
}

}  // namespace

NetworkNamespace::~NetworkNamespace() {
    if (fd_ >= 0) close(fd_);
}

NetworkNamespace::Return::~Return() {
    if (!home.enter()) std::terminate();
}

Result<NetworkNamespace> NetworkNamespace::current() { return open(own); }

Result<NetworkNamespace> NetworkNamespace::open(std::string_view name_or_path) {
    const bool is_path = name_or_path.find('/') != std::string_view::npos;
    const std::string path = is_path ? std::string(name_or_path) : path_of(name_or_path);
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failure("open network namespace", path, errno, {},
                       errno == ENOENT && !is_path ? "ip netns list shows the names" : privilege(errno));
    return NetworkNamespace(fd, path);
}

Result<NetworkNamespace> NetworkNamespace::create(std::string_view name) {
    constexpr const char* operation = "create network namespace";
    const std::string path = path_of(name);
    if (!is_name(name)) return failure(operation, std::string(name), EINVAL, "not a file name");
    CHECK_OK(share_directory());
    const int file = ::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
    if (file < 0) return failure(operation, path, errno, {}, privilege(errno));
    close(file);

    TRY(const NetworkNamespace home, current());
    int code = unshare(CLONE_NEWNET) < 0 ? errno : 0;
    if (code == 0) {
        const Return way_back{home};
        if (mount(own, path.c_str(), "none", MS_BIND, nullptr) < 0) code = errno;
    }
    if (code != 0) {
        unlink(path.c_str());
        return failure(operation, path, code, {}, privilege(code));
    }
    return open(path);
}

Result<> NetworkNamespace::remove(std::string_view name) {
    const std::string path = path_of(name);
    if (!is_name(name)) return failure("remove network namespace", std::string(name), EINVAL, "not a file name");
    umount2(path.c_str(), MNT_DETACH);  // fails if only the file is left
    if (unlink(path.c_str()) < 0) return failure("remove network namespace", path, errno, {}, privilege(errno));
    return {};
}

Result<> NetworkNamespace::enter() const {
    if (setns(fd_, CLONE_NEWNET) < 0) return failure("enter network namespace", name_, errno, {}, privilege(errno));
    return {};
}

Result<std::uint64_t> NetworkNamespace::current_cookie() {
    std::uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int status = socket < 0 ? -1 : getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size);
    const int code = errno;
    if (socket >= 0) close(socket);
    if (status < 0) return failure("get the cookie of a network namespace", "", code);
    return cookie;
}

Result<std::uint64_t> NetworkNamespace::cookie() const { return run(&NetworkNamespace::current_cookie); }

}  // namespace culvert::netlink
