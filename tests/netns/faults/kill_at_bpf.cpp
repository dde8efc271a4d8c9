// SPDX-License-Identifier: Apache-2.0
//
// Kills the process instead of its bpf() call number $CULVERT_KILL_AT, or behind that one if the number has a minus
// sign. Linked into the program, this function stands in front of the C library's, which libbpf calls.
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdarg>
#include <cstdlib>
#include <tuple>

extern "C" long syscall(long number, ...) noexcept {
    using Function = long (*)(long, ...);
    static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "syscall"));
    static const char* const text = std::getenv("CULVERT_KILL_AT");
    static const long at = text == nullptr ? 0 : std::atol(text);
    static long calls = 0;

    std::array<long, 6> arguments{};
    std::va_list list;
    va_start(list, number);
    for (long& argument : arguments) argument = va_arg(list, long);
    va_end(list);
    const auto call = [&] {
        return std::apply([&](auto... argument) { return real(number, argument...); }, arguments);
    };
    if (number != SYS_bpf) return call();
    ++calls;
    if (calls == at) raise(SIGKILL);
    const long result = call();
    if (calls == -at) raise(SIGKILL);
    return result;
}
