// SPDX-License-Identifier: Apache-2.0
//
// While the file $CULVERT_DEAF_WHILE exists, recvmsg() receives nothing; netlink messages come through it. Linked into
// the program, this function takes precedence over the C library's.
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

extern "C" ssize_t recvmsg(int socket, msghdr* message, int flags) {
    using Function = ssize_t (*)(int, msghdr*, int);
    static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "recvmsg"));
    static const char* const file = std::getenv("CULVERT_DEAF_WHILE");
    if (file == nullptr || access(file, F_OK) < 0) return real(socket, message, flags);
    errno = ENOMEM;
    return -1;
}
