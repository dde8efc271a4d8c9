// SPDX-License-Identifier: Apache-2.0
#include "realserver/record_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <thread>

namespace culvert::realserver {

namespace {

using netlink::failure;
using netlink::Result;

constexpr const char* operation_save = "save record";

std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
}

struct Descriptor {
    int fd;
    ~Descriptor() {
        if (fd >= 0) close(fd);
    }
};

std::string privilege(int code) { return code == EACCES || code == EPERM ? "run as root" : ""; }

Result<> make_directory(const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return failure("make directory", directory.string(), error.value(), {}, privilege(error.value()));
    return {};
}

/// What was written to the file or, of a directory, renamed in it, survives a crash.
Result<> write_through(const std::filesystem::path& path, int flags, std::string_view text) {
    const Descriptor file{open(path.c_str(), flags | O_CLOEXEC, 0600)};
    if (file.fd < 0) return failure(operation_save, path.string(), errno, {}, privilege(errno));
    while (!text.empty()) {
        const ssize_t written = write(file.fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failure(operation_save, path.string(), errno);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (fsync(file.fd) < 0) return failure(operation_save, path.string(), errno);
    return {};
}

/// " by process 4711 (realserver)", from the kernel's list of locks; nothing if that does not say.
std::string holder(int fd) {
    struct stat status {};
    if (fstat(fd, &status) < 0) return {};
    const std::string inode = fmt::format(":{}", status.st_ino);
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
        std::istringstream words(line);
        std::string number, kind, advice, access, pid, file;
        words >> number >> kind >> advice >> access >> pid >> file;
        if (kind != "FLOCK" || !file.ends_with(inode)) continue;
        std::string command;
        std::getline(std::ifstream("/proc/" + pid + "/comm"), command);
        return fmt::format("process {}{}", pid, command.empty() ? "" : " (" + command + ")");
    }
    return {};
}

}  // namespace

RecordFile::RecordFile(const std::filesystem::path& directory, std::uint64_t cookie)
    : path_(directory / fmt::format("{}.json", cookie)) {}

Result<std::optional<Record>> RecordFile::load() const {
    std::ifstream file(path_, std::ios::binary);
    if (!file && errno == ENOENT) return std::nullopt;
    std::ostringstream text;
    if (!file || !(text << file.rdbuf())) return failure("read record", path_.string(), errno, {}, privilege(errno));
    auto record = decode(text.str(), boot_id());
    if (record) return *std::move(record);
    return failure("read record", path_.string(), EBADMSG, record.error(),
                   "remove the file: what it says of replaced sysctls is then lost, and nothing else");
}

Result<> RecordFile::save(const Record& record) const {
    CHECK_OK(make_directory(path_.parent_path()));
    const std::filesystem::path fresh = path_.string() + ".new";
    CHECK_OK(write_through(fresh, O_WRONLY | O_CREAT | O_TRUNC, encode(record, boot_id())));
    if (rename(fresh.c_str(), path_.c_str()) < 0) return failure(operation_save, path_.string(), errno);
    return write_through(path_.parent_path(), O_RDONLY | O_DIRECTORY, {});
}

Result<> RecordFile::remove() const {
    if (unlink(path_.c_str()) < 0 && errno != ENOENT)
        return failure("remove record", path_.string(), errno, {}, privilege(errno));
    return {};
}

Result<Lock> Lock::acquire(const std::filesystem::path& directory, std::chrono::milliseconds patience) {
    using std::chrono::steady_clock;
    CHECK_OK(make_directory(directory));
    Lock lock(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (lock.fd_ < 0) return failure("open", directory.string(), errno, {}, privilege(errno));
    const auto deadline = steady_clock::now() + patience;
    while (flock(lock.fd_, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return failure("lock", directory.string(), errno);
        if (steady_clock::now() >= deadline)
            return failure("lock", directory.string(), ETIMEDOUT, "another realserver is at work: " + holder(lock.fd_),
                           "wait for it to end, then try again");
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return lock;
}

Lock::~Lock() {
    if (fd_ >= 0) close(fd_);
}

}  // namespace culvert::realserver
