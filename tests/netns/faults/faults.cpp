// SPDX-License-Identifier: Apache-2.0
//
// Faults in the system calls by which realserver changes things. Each is a step: requests to netlink (each request of a
// datagram), writes to /proc/sys, ioctls of tunnels, bpf(), renames, loading of modules. $CULVERT_FAULT selects the
// step and the fault:
//     7:28           the seventh fails with errno 28; for netlink, the acknowledgement has the errno
//     7:kill-before  the process is killed instead of the seventh
//     7:kill-after   the process is killed after the kernel has executed the seventh
// The fault is then reported on standard error.
//
// Linked into the program, these functions take precedence over the C library's. The program needs no test code for it,
// and unlike LD_PRELOAD, this works with the sanitizers.
#include <dlfcn.h>
#include <linux/bpf.h>
#include <linux/genetlink.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
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
#include <vector>

namespace {

/// The function that ours replaces.
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

/// Makes the call, unless a fault is requested for this step.
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

/// Whether a datagram to netlink requests a change.
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

/// A forged acknowledgement, which didn't come from the kernel.
struct Refusal {
    int fd = -1;
    struct {
        nlmsghdr header{};
        nlmsgerr body{};
    } message;
} refusal;

/// The answer of the kernel to a request that it doesn't get.
void prepare_refusal(int fd, const nlmsghdr& request, int code) {
    refusal.fd = fd;
    refusal.message = {{.nlmsg_len = sizeof refusal.message,
                        .nlmsg_type = NLMSG_ERROR,
                        .nlmsg_flags = NLM_F_CAPPED,
                        .nlmsg_seq = request.nlmsg_seq,
                        .nlmsg_pid = request.nlmsg_pid},
                       {.error = -code, .msg = request}};
}

/// Splits a datagram into requests; nf_tables executes all of a transaction or nothing.
std::vector<std::string_view> split(int fd, std::string_view datagram) {
    if (option(fd, SO_PROTOCOL) == NETLINK_NETFILTER) return {datagram};
    std::vector<std::string_view> requests;
    while (datagram.size() >= sizeof(nlmsghdr)) {
        std::uint32_t size = 0;
        std::memcpy(&size, datagram.data(), sizeof size);
        requests.push_back(datagram.substr(0, NLMSG_ALIGN(size)));
        datagram.remove_prefix(requests.back().size());
    }
    return requests;
}

/// `call(part)` sends a part of the datagram.
template <typename Call>
ssize_t send_to_kernel(int fd, const void* data, std::size_t size, const Call& call) {
    const std::string_view datagram(static_cast<const char*>(data), size);
    if (!changes(fd, data, size)) return call(datagram);
    const auto requests = split(fd, datagram);
    const auto faulty = static_cast<std::size_t>(fault().step - steps - 1);
    if (faulty >= requests.size()) {
        steps += static_cast<int>(requests.size());
        return call(datagram);
    }
    steps = fault().step - 1;
    const std::string_view request = requests[faulty];
    const auto before = static_cast<std::size_t>(request.data() - datagram.data());
    if (before > 0) call(datagram.substr(0, before));
    step(
        "netlink", [&] { return call(request); },
        [&](int code) {
            nlmsghdr header{};
            std::memcpy(&header, request.data(), sizeof header);
            prepare_refusal(fd, header, code);
            return static_cast<ssize_t>(request.size());
        });
    const std::string_view after = datagram.substr(before + request.size());
    if (!after.empty()) call(after);
    steps += static_cast<int>(requests.size() - faulty - 1);
    return static_cast<ssize_t>(size);
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

/// Whether a command of bpf() creates, fills, pins or attaches something.
bool changes_bpf(long command) {
    constexpr std::array commands{BPF_MAP_CREATE,  BPF_MAP_UPDATE_ELEM, BPF_PROG_LOAD,  BPF_OBJ_PIN,
                                  BPF_LINK_CREATE, BPF_LINK_UPDATE,     BPF_LINK_DETACH};
    return std::ranges::count(commands, command) > 0;
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
    return send_to_kernel(fd, data, size, [&](std::string_view part) {
        return real<decltype(send)>("send")(fd, part.data(), part.size(), flags);
    });
}

ssize_t sendto(int fd, const void* data, std::size_t size, int flags, const sockaddr* to, socklen_t length) {
    return send_to_kernel(fd, data, size, [&](std::string_view part) {
        return real<decltype(sendto)>("sendto")(fd, part.data(), part.size(), flags, to, length);
    });
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    const iovec& content = *message->msg_iov;
    return send_to_kernel(fd, content.iov_base, content.iov_len, [&](std::string_view part) {
        iovec of_part{const_cast<char*>(part.data()), part.size()};
        msghdr with_part = *message;
        with_part.msg_iov = part.size() == content.iov_len ? message->msg_iov : &of_part;
        return real<decltype(sendmsg)>("sendmsg")(fd, &with_part, flags);
    });
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

/// For compressed modules; others are loaded by finit_module.
int init_module(void* image, unsigned long size, const char* parameters) noexcept {
    return step(
        "module", [&] { return real<decltype(init_module)>("init_module")(image, size, parameters); }, failed);
}

/// libbpf calls bpf() this way, libkmod finit_module().
long syscall(long number, ...) noexcept {
    std::va_list arguments;
    va_start(arguments, number);
    std::array<long, 6> all{};
    for (long& argument : all) argument = va_arg(arguments, long);
    va_end(arguments);
    const auto call = [&] {
        return real<decltype(syscall)>("syscall")(number, all[0], all[1], all[2], all[3], all[4], all[5]);
    };
    const bool is_module = number == SYS_finit_module;
    if (!is_module && (number != SYS_bpf || !changes_bpf(all[0]))) return call();
    return step(is_module ? "module" : "bpf", call, [](int code) { return static_cast<long>(failed(code)); });
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
