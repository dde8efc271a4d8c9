// SPDX-License-Identifier: Apache-2.0
//
// Kills the process instead of its bpf() call number N, or after it if N is negative; or makes the call fail. The file
// $CULVERT_KILL_AT contains "N", or "N:errno". Calls are counted from the time when the content appears, and again from
// 0 when it changes. The file is removed when a call has failed.
//
// While the file $CULVERT_REFUSE_EXCHANGE exists, no bpf_link accepts another program, as if the interface had been
// reconfigured meanwhile and its driver refused.
//
// While the file $CULVERT_HOLD_LOAD exists, no program is loaded: the call waits, and says so on standard error.
//
// Linked into the program, this function takes precedence over the C library's, which libbpf calls.
#include <dlfcn.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <tuple>
#include <utility>

namespace {

struct Fault {
    long at = 0;    // 0: no fault
    int error = 0;  // 0: kill
};

const char* path() { return std::getenv("CULVERT_KILL_AT"); }

/// The requested fault, and the number of this call since it was requested.
std::pair<Fault, long> said() {
    static std::string before;
    static long calls = 0;
    if (path() == nullptr) return {};
    std::string text;
    std::getline(std::ifstream(path()), text);
    if (text != before) calls = 0;
    before = text;
    if (text.empty()) return {};
    const auto colon = text.find(':');
    return {{.at = std::stol(text), .error = colon == std::string::npos ? 0 : std::stoi(text.substr(colon + 1))},
            ++calls};
}

bool refuses(long command) {
    const char* file = std::getenv("CULVERT_REFUSE_EXCHANGE");
    return command == BPF_LINK_UPDATE && file != nullptr && access(file, F_OK) == 0;
}

void hold(long command) {
    const char* file = std::getenv("CULVERT_HOLD_LOAD");
    if (command != BPF_PROG_LOAD || file == nullptr || access(file, F_OK) != 0) return;
    dprintf(STDERR_FILENO, "the load is held\n");
    while (access(file, F_OK) == 0) usleep(1000);
}

}  // namespace

extern "C" long syscall(long number, ...) noexcept {
    using Function = long (*)(long, ...);
    static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "syscall"));

    std::array<long, 6> arguments{};
    std::va_list list;
    va_start(list, number);
    for (long& argument : arguments) argument = va_arg(list, long);
    va_end(list);
    const auto call = [&] {
        return std::apply([&](auto... argument) { return real(number, argument...); }, arguments);
    };
    if (number != SYS_bpf) return call();
    hold(arguments[0]);
    if (refuses(arguments[0])) {
        errno = ERANGE;
        return -1;
    }
    const auto [fault, calls] = said();
    if (fault.at == 0) return call();
    if (calls == fault.at && fault.error != 0) {
        unlink(path());
        errno = fault.error;
        return -1;
    }
    if (calls == fault.at) raise(SIGKILL);
    const long result = call();
    if (calls == -fault.at) raise(SIGKILL);
    return result;
}
