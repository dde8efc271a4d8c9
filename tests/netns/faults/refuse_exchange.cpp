// SPDX-License-Identifier: Apache-2.0
//
// While the file $CULVERT_REFUSE_EXCHANGE is there, no bpf_link takes another program: as of a driver whose interface
// has been set up otherwise meanwhile. Linked into the program, this function stands in front of the C library's, which
// libbpf calls.
#include <dlfcn.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <tuple>

extern "C" long syscall(long number, ...) noexcept {
    using Function = long (*)(long, ...);
    static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "syscall"));

    std::array<long, 6> arguments{};
    std::va_list list;
    va_start(list, number);
    for (long& argument : arguments) argument = va_arg(list, long);
    va_end(list);
    const char* path = std::getenv("CULVERT_REFUSE_EXCHANGE");
    if (number == SYS_bpf && arguments[0] == BPF_LINK_UPDATE && path != nullptr && ::access(path, F_OK) == 0) {
        errno = ERANGE;
        return -1;
    }
    return std::apply([&](auto... argument) { return real(number, argument...); }, arguments);
}
