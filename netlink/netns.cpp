// SPDX-License-Identifier: Apache-2.0
#include "netlink/netns.hpp"

#include <asm/socket.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace culvert::netlink {

namespace {

std::string path_of(std::string_view name) { return "/run/netns/" + std::string(name); }

std::string privilege(int code) { return code == EPERM || code == EACCES ? "run as root, with CAP_SYS_ADMIN" : ""; }

}  // namespace

NetworkNamespace::~NetworkNamespace() {
    if (fd_ >= 0) close(fd_);
}

Result<NetworkNamespace> NetworkNamespace::open(std::string_view name_or_path) {
    const bool is_path = name_or_path.find('/') != std::string_view::npos;
    const std::string path = is_path ? std::string(name_or_path) : path_of(name_or_path);
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failure("open network namespace", path, errno, {},
                       errno == ENOENT && !is_path ? "ip netns list shows the names" : privilege(errno));
    return NetworkNamespace(fd, path);
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

}  // namespace culvert::netlink
