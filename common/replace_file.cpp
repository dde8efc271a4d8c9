// SPDX-License-Identifier: Apache-2.0
#include "common/replace_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace culvert::common {

namespace {

using netlink::failure;
using netlink::Result;

constexpr const char* operation = "write";

struct Descriptor {
    int fd;
    ~Descriptor() {
        if (fd >= 0) close(fd);
    }
};

/// What was written to the file or, of a directory, renamed in it, survives a crash.
Result<> write_through(const std::filesystem::path& path, int flags, std::string_view text, mode_t mode = 0) {
    const Descriptor file{open(path.c_str(), flags | O_CLOEXEC, mode)};
    if (file.fd < 0) return failure(operation, path.string(), errno, {}, privilege(errno));
    while (!text.empty()) {
        const ssize_t written = write(file.fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failure(operation, path.string(), errno);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (fsync(file.fd) < 0) return failure(operation, path.string(), errno);
    return {};
}

}  // namespace

std::string privilege(int code) { return code == EACCES || code == EPERM ? "run as root" : ""; }

Result<> make_directory(const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return failure("make directory", directory.string(), error.value(), {}, privilege(error.value()));
    return {};
}

Result<> replace_file(const std::filesystem::path& path, std::string_view text, mode_t mode) {
    CHECK_OK(make_directory(path.parent_path()));
    const std::filesystem::path fresh = path.string() + ".new";
    auto written = write_through(fresh, O_WRONLY | O_CREAT | O_TRUNC, text, mode);
    if (written && rename(fresh.c_str(), path.c_str()) < 0) written = failure(operation, path.string(), errno);
    if (!written) {
        unlink(fresh.c_str());
        return written;
    }
    return write_through(path.parent_path(), O_RDONLY | O_DIRECTORY, {});
}

}  // namespace culvert::common
