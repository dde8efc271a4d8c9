// SPDX-License-Identifier: Apache-2.0
//
// Kills the process instead of its bpf() call number N, or behind that one if N is less than zero. The file
// $CULVERT_KILL_AT says N; the calls are counted from when it says so. Linked into the program, this function stands in
// front of the C library's, which libbpf calls.
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdarg>
#include <cstdlib>
#include <fstream>
#include <tuple>

namespace {

/// 0: nothing is said yet.
long moment() {
    static long at = 0;
    const char* path = std::getenv("CULVERT_KILL_AT");
    if (at == 0 && path != nullptr) std::ifstream(path) >> at;
    return at;
}

}  // namespace

extern "C" long syscall(long number, ...) noexcept {
    using Function = long (*)(long, ...);
    static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "syscall"));
    static long calls = 0;

    std::array<long, 6> arguments{};
    std::va_list list;
    va_start(list, number);
    for (long& argument : arguments) argument = va_arg(list, long);
    va_end(list);
    const auto call = [&] {
        return std::apply([&](auto... argument) { return real(number, argument...); }, arguments);
    };
    const long at = number == SYS_bpf ? moment() : 0;
    if (at == 0) return call();
    ++calls;
    if (calls == at) raise(SIGKILL);
    const long result = call();
    if (calls == -at) raise(SIGKILL);
    return result;
}
