// SPDX-License-Identifier: Apache-2.0
#include "common/replace_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

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

/// Makes a file's content, or a rename in a directory, survive a crash.
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

Result<> create_file(const std::filesystem::path& path, std::string_view text) {
    CHECK_OK(make_directory(path.parent_path()));
    std::string fresh = path.string() + ".XXXXXX";
    const Descriptor file{mkostemp(fresh.data(), O_CLOEXEC)};
    if (file.fd < 0) return failure(operation, path.string(), errno, {}, privilege(errno));
    auto written = write_through(fresh, O_WRONLY, text);
    if (written && link(fresh.c_str(), path.c_str()) < 0 && errno != EEXIST)
        written = failure(operation, path.string(), errno);
    unlink(fresh.c_str());
    return written ? write_through(path.parent_path(), O_RDONLY | O_DIRECTORY, {}) : written;
}

Result<FileReplacement> FileReplacement::prepare(std::filesystem::path path, const std::optional<std::string>& text,
                                                 mode_t mode) {
    CHECK_OK(make_directory(path.parent_path()));
    FileReplacement replacement(std::move(path), !text);
    CHECK_OK(write_through(replacement.fresh(), O_WRONLY | O_CREAT | O_TRUNC, text.value_or(""), mode));
    unlink(replacement.former().c_str());
    return replacement;
}

FileReplacement::FileReplacement(FileReplacement&& other) noexcept
    : path_(std::exchange(other.path_, {})), removes_(other.removes_), was_there_(other.was_there_) {}

FileReplacement::~FileReplacement() {
    if (path_.empty()) return;
    unlink(fresh().c_str());
    unlink(former().c_str());
}

Result<> FileReplacement::commit() {
    was_there_ = link(path_.c_str(), former().c_str()) == 0;
    if (!was_there_ && errno != ENOENT) return failure(operation, path_.string(), errno, {}, privilege(errno));
    const int done = removes_ ? unlink(path_.c_str()) : rename(fresh().c_str(), path_.c_str());
    if (done < 0 && (was_there_ || !removes_)) return failure(operation, path_.string(), errno);
    auto lasts = write_through(path_.parent_path(), O_RDONLY | O_DIRECTORY, {});
    if (!lasts) (void)undo();
    return lasts;
}

Result<> FileReplacement::undo() {
    const int done = was_there_ ? rename(former().c_str(), path_.c_str()) : unlink(path_.c_str());
    if (done < 0 && (was_there_ || errno != ENOENT)) return failure(operation, path_.string(), errno);
    return {};
}

}  // namespace culvert::common
