// SPDX-License-Identifier: Apache-2.0
//
// The system calls by which realserver changes things, each of them a step: requests to netlink, writes to /proc/sys,
// ioctls of tunnels, renames. $CULVERT_FAULT says which step goes wrong, and how:
//     7:28           the seventh fails with errno 28; of netlink, it is the acknowledgement that says so
//     7:kill-before  the process is killed instead of the seventh
//     7:kill-after   the process is killed when the kernel has carried out the seventh
// What goes wrong is then said on standard error.
//
// Linked into the program, these functions stand in front of the C library's. The program itself has no seam for it,
// and other than with LD_PRELOAD, the sanitizers don't mind.
#include <dlfcn.h>
#include <linux/genetlink.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

/// The function that ours stands in front of.
template <typename Function>
Function* real(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

struct Fault {
    int step = 0;
    std::string_view kind;
    int code = 0;

    Fault() {
        const char* text = std::getenv("CULVERT_FAULT");
        if (text == nullptr) return;
        step = std::atoi(text);
        kind = std::string_view(text).substr(std::string_view(text).find(':') + 1);
        code = std::atoi(kind.data());
    }
};

const Fault& fault() {
    static const Fault asked_for;
    return asked_for;
}

int steps = 0;

/// Makes the call, unless this is the step at which something else happens.
template <typename Call, typename Fail>
auto step(std::string_view what, const Call& call, const Fail& fail) {
    if (++steps != fault().step) return call();
    dprintf(STDERR_FILENO, "fault at step %d: %.*s\n", steps, static_cast<int>(what.size()), what.data());
    if (fault().kind == "kill-before") raise(SIGKILL);
    const auto result = fault().kind == "kill-after" ? call() : fail(fault().code);
    if (fault().kind == "kill-after") raise(SIGKILL);
    return result;
}

int option(int fd, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    getsockopt(fd, SOL_SOCKET, name, &value, &size);
    return value;
}

/// Whether a datagram to netlink asks for a change.
bool changes(int fd, const void* data, std::size_t size) {
    if (option(fd, SO_DOMAIN) != AF_NETLINK || size < sizeof(nlmsghdr)) return false;
    nlmsghdr header{};
    std::memcpy(&header, data, sizeof header);
    switch (option(fd, SO_PROTOCOL)) {
        case NETLINK_ROUTE:
            return ((header.nlmsg_type - RTM_BASE) & 3) != 2;  // RTM_NEW…, RTM_DEL…, RTM_GET…, RTM_SET…
        case NETLINK_GENERIC:
            return header.nlmsg_type != GENL_ID_CTRL && (header.nlmsg_flags & NLM_F_DUMP) == 0;
        case NETLINK_NETFILTER:
            return header.nlmsg_type == NFNL_MSG_BATCH_BEGIN;
        default:
            return false;
    }
}

/// An acknowledgement that never came from the kernel.
struct Refusal {
    int fd = -1;
    struct {
        nlmsghdr header{};
        nlmsgerr body{};
    } message;
} refusal;

template <typename Call>
ssize_t send_to_kernel(int fd, const void* data, std::size_t size, const Call& call) {
    if (!changes(fd, data, size)) return call();
    return step("netlink", call, [&](int code) {
        nlmsghdr request{};
        std::memcpy(&request, data, sizeof request);
        refusal.fd = fd;
        refusal.message = {{.nlmsg_len = sizeof refusal.message,
                            .nlmsg_type = NLMSG_ERROR,
                            .nlmsg_flags = NLM_F_CAPPED,
                            .nlmsg_seq = request.nlmsg_seq,
                            .nlmsg_pid = request.nlmsg_pid},
                           {.error = -code, .msg = request}};
        return static_cast<ssize_t>(size);
    });
}

ssize_t refuse(void* buffer, std::size_t size) {
    refusal.fd = -1;
    std::memcpy(buffer, &refusal.message, std::min(size, sizeof refusal.message));
    return sizeof refusal.message;
}

int failed(int code) {
    errno = code;
    return -1;
}

std::string path_of(int fd) {
    std::array<char, 4096> path{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t size = readlink(link.c_str(), path.data(), path.size());
    return {path.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

}  // namespace

extern "C" {

ssize_t send(int fd, const void* data, std::size_t size, int flags) {
    return send_to_kernel(fd, data, size, [&] { return real<decltype(send)>("send")(fd, data, size, flags); });
}

ssize_t sendto(int fd, const void* data, std::size_t size, int flags, const sockaddr* to, socklen_t length) {
    return send_to_kernel(fd, data, size,
                          [&] { return real<decltype(sendto)>("sendto")(fd, data, size, flags, to, length); });
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    return send_to_kernel(fd, message->msg_iov->iov_base, message->msg_iov->iov_len,
                          [&] { return real<decltype(sendmsg)>("sendmsg")(fd, message, flags); });
}

ssize_t recv(int fd, void* buffer, std::size_t size, int flags) {
    if (fd == refusal.fd) return refuse(buffer, size);
    return real<decltype(recv)>("recv")(fd, buffer, size, flags);
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
    if (fd != refusal.fd) return real<decltype(recvmsg)>("recvmsg")(fd, message, flags);
    std::memset(message->msg_name, 0, message->msg_namelen);
    message->msg_flags = 0;
    return refuse(message->msg_iov->iov_base, message->msg_iov->iov_len);
}

ssize_t write(int fd, const void* data, std::size_t size) {
    const auto call = [&] { return real<decltype(write)>("write")(fd, data, size); };
    const std::string path = path_of(fd);
    if (!path.starts_with("/proc/sys/")) return call();
    return step(path, call, [](int code) { return static_cast<ssize_t>(failed(code)); });
}

int rename(const char* from, const char* to) noexcept {
    return step(
        std::string("rename to ") + to, [&] { return real<decltype(rename)>("rename")(from, to); }, failed);
}

int ioctl(int fd, unsigned long request, ...) noexcept {
    std::va_list arguments;
    va_start(arguments, request);
    void* argument = va_arg(arguments, void*);
    va_end(arguments);
    const auto call = [&] { return real<decltype(ioctl)>("ioctl")(fd, request, argument); };
    // SIOCADDTUNNEL, SIOCDELTUNNEL, SIOCCHGTUNNEL
    if (request <= SIOCDEVPRIVATE || request > SIOCDEVPRIVATE + 3) return call();
    return step("ioctl", call, failed);
}

}  // extern "C"
