// SPDX-License-Identifier: Apache-2.0
#include "realserver/record_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

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
    std::error_code error;
    std::filesystem::create_directories(path_.parent_path(), error);
    if (error) return failure("make directory", path_.parent_path(), error.value(), {}, privilege(error.value()));
    const std::filesystem::path fresh = path_.string() + ".new";
    CHECK_OK(write_through(fresh, O_WRONLY | O_CREAT | O_TRUNC, encode(record, boot_id())));
    if (rename(fresh.c_str(), path_.c_str()) < 0) return failure(operation_save, path_.string(), errno);
    return write_through(path_.parent_path(), O_RDONLY | O_DIRECTORY, {});
}

std::filesystem::path RecordFile::monitor() const { return std::filesystem::path(path_).replace_extension("monitor"); }

Result<> RecordFile::remove() const {
    if (unlink(path_.c_str()) < 0 && errno != ENOENT)
        return failure("remove record", path_.string(), errno, {}, privilege(errno));
    return {};
}

}  // namespace culvert::realserver
