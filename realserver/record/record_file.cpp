// SPDX-License-Identifier: Apache-2.0
#include "realserver/record/record_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "common/replace_file.hpp"

namespace culvert::realserver {

namespace {

using netlink::failure;
using netlink::Result;

std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
}

}  // namespace

RecordFile::RecordFile(const std::filesystem::path& directory, std::uint64_t cookie)
    : path_(directory / fmt::format("{}.json", cookie)) {}

Result<std::optional<Record>> RecordFile::load() const {
    std::ifstream file(path_, std::ios::binary);
    if (!file && errno == ENOENT) return std::nullopt;
    std::ostringstream text;
    if (!file || !(text << file.rdbuf()))
        return failure("read record", path_.string(), errno, {}, common::privilege(errno));
    auto record = decode(text.str(), boot_id());
    if (record) return *std::move(record);
    return failure("read record", path_.string(), EBADMSG, record.error(),
                   "remove the file: only the former values of sysctls are lost");
}

Result<> RecordFile::save(const Record& record) const {
    return common::replace_file(path_, encode(record, boot_id()), 0600);
}

std::filesystem::path RecordFile::monitor() const { return std::filesystem::path(path_).replace_extension("monitor"); }

Result<> RecordFile::remove() const {
    if (unlink(path_.c_str()) < 0 && errno != ENOENT)
        return failure("remove record", path_.string(), errno, {}, common::privilege(errno));
    return {};
}

}  // namespace culvert::realserver
