// SPDX-License-Identifier: Apache-2.0
#include "realserver/record/lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <thread>

#include "common/replace_file.hpp"

namespace culvert::realserver {

namespace {

using netlink::failure;
using netlink::Result;

constexpr std::chrono::milliseconds pause{20};

/// "process 4711 (realserver)", from /proc/locks; "a process" if that doesn't list it.
std::string holder(int fd) {
    struct stat status {};
    if (fstat(fd, &status) < 0) return "a process";
    const std::string inode =
        fmt::format("{:02x}:{:02x}:{}", major(status.st_dev), minor(status.st_dev), status.st_ino);
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
        std::istringstream words(line);
        std::string number, kind, advice, access, pid, file;
        words >> number >> kind >> advice >> access >> pid >> file;
        if (kind != "FLOCK" || file != inode) continue;
        std::string command;
        std::ifstream comm("/proc/" + pid + "/comm");
        std::getline(comm, command);
        return fmt::format("process {}{}", pid, command.empty() ? "" : " (" + command + ")");
    }
    return "a process";
}

}  // namespace

Result<Lock> Lock::open(const std::filesystem::path& path, int flags) {
    Lock lock(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags, 0600));
    if (lock.fd_ < 0) return failure("open", path.string(), errno, {}, common::privilege(errno));
    return lock;
}

Result<Lock> Lock::to_change(const std::filesystem::path& directory, std::chrono::milliseconds patience,
                             const OnWait& on_wait) {
    using std::chrono::steady_clock;
    CHECK_OK(common::make_directory(directory));
    TRY(Lock lock, open(directory, O_DIRECTORY));
    const auto deadline = steady_clock::now() + patience;
    for (bool said = false; flock(lock.fd_, LOCK_EX | LOCK_NB) < 0; std::this_thread::sleep_for(pause)) {
        if (errno != EWOULDBLOCK && errno != EINTR) return failure("lock", directory.string(), errno);
        if (steady_clock::now() >= deadline)
            return failure("lock", directory.string(), EBUSY, "another realserver is running: " + holder(lock.fd_),
                           "wait for it to end, then try again");
        if (!std::exchange(said, true)) on_wait(holder(lock.fd_));
    }
    return lock;
}

Result<Lock> Lock::to_monitor(const std::filesystem::path& file) {
    CHECK_OK(common::make_directory(file.parent_path()));
    TRY(Lock lock, open(file, O_CREAT));
    if (flock(lock.fd_, LOCK_EX | LOCK_NB) < 0)
        return failure("lock", file.string(), EBUSY, "another monitor is running: " + holder(lock.fd_));
    return lock;
}

Result<std::optional<std::string>> Lock::monitor(const std::filesystem::path& file) {
    auto lock = open(file, 0);
    if (!lock && lock.error().code == ENOENT) return std::nullopt;
    if (!lock) return tl::unexpected(std::move(lock).error());
    if (flock(lock->fd_, LOCK_SH | LOCK_NB) == 0) return std::nullopt;
    if (errno != EWOULDBLOCK) return failure("lock", file.string(), errno);
    return holder(lock->fd_);
}

Lock::~Lock() {
    if (fd_ >= 0) close(fd_);
}

}  // namespace culvert::realserver
