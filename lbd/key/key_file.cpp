// SPDX-License-Identifier: Apache-2.0
#include "lbd/key/key_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pwd.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include "common/fd.hpp"
#include "common/replace_file.hpp"
#include "lbd/model/cure.hpp"

namespace culvert::lbd {
namespace {

namespace fs = std::filesystem;
using common::Fd;
using netlink::Error;
using netlink::failure;
using netlink::Result;

constexpr std::size_t digits = 2 * std::tuple_size_v<decltype(ClusterKey::bytes)>;

/// The name of the user that this process runs as.
std::string user() {
    const passwd* entry = ::getpwuid(::geteuid());
    return entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
}

struct Text {
    std::string content;
    mode_t mode = 0;
};

/// A pipe would block lbd, and has nothing at the next reading.
Result<Text> read_text(const fs::path& path) {
    constexpr std::size_t longest = 4096;
    const Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    if (!file.is_open() || ::fstat(file.get(), &status) < 0) return failure("read", path.string(), errno);
    if (!S_ISREG(status.st_mode)) return failure("read", path.string(), EINVAL, "it is not a regular file");
    Text text{.content = std::string(longest, '\0'), .mode = status.st_mode};
    const ssize_t count = ::read(file.get(), text.content.data(), text.content.size());
    if (count < 0) return failure("read", path.string(), errno);
    text.content.resize(static_cast<std::size_t>(count));
    return text;
}

/// The key in the file, and its mode. `damaged`: the cure if it has none.
Result<std::pair<ClusterKey, mode_t>> read_key(const fs::path& path, const std::string& damaged) {
    const auto text = read_text(path);
    if (!text) {
        Error error = text.error();
        if (error.code == EACCES) error.cure = fmt::format(cure_of("key_unreadable"), user(), path.string());
        if (error.code == EINVAL) error.cure = damaged;
        return tl::unexpected(std::move(error));
    }
    const auto key = parse_key(text->content);
    if (!key)
        return failure("read", path.string(), EINVAL,
                       fmt::format("it has no key, which is a line of {} hexadecimal digits", digits), damaged);
    return std::pair(*key, text->mode);
}

Result<ClusterKey> read_own_key(const fs::path& path) {
    TRY(const auto read, read_key(path, fmt::format(cure_of("own_key_damaged"), path.string())));
    return read.first;
}

Error not_writable(Error error) {
    error.cure = cure_of("state_not_writable");
    return error;
}

fs::path own_key_file(const fs::path& state_directory) { return state_directory / "key"; }

}  // namespace

Result<ClusterKey> random_key() {
    ClusterKey key;
    if (::getrandom(key.bytes.data(), key.bytes.size(), 0) != static_cast<ssize_t>(key.bytes.size()))
        return failure("draw", "a random key", errno);
    return key;
}

std::string to_line(const ClusterKey& key) { return fmt::format("{:02x}\n", fmt::join(key.bytes, "")); }

std::optional<ClusterKey> parse_key(std::string_view text) {
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    if (text.size() != digits) return std::nullopt;
    ClusterKey key;
    for (std::size_t i = 0; i < key.bytes.size(); ++i) {
        const std::string_view pair = text.substr(2 * i, 2);
        const auto [end, error] = std::from_chars(pair.data(), pair.data() + 2, key.bytes.at(i), 16);
        if (error != std::errc() || end != pair.data() + 2) return std::nullopt;
    }
    return key;
}

Result<ClusterKey> read_key_file(const fs::path& path) {
    const std::string make = fmt::format(cure_of("key_missing"), user(), path.string());
    auto read = read_key(path, make);
    if (!read && read.error().code == ENOENT) read.error().cure = make;
    if (!read) return tl::unexpected(std::move(read.error()));
    if ((read->second & S_IROTH) != 0)
        spdlog::warn(fmt::format("every user may read {}, which is a secret (", path.string()) +
                     fmt::format(cure_of("key_open"), path.string()) + ")");
    return read->first;
}

Result<ClusterKey> own_key(const fs::path& state_directory) {
    const fs::path path = own_key_file(state_directory);
    const auto present = read_own_key(path);
    if (present || present.error().code != ENOENT) return present;
    TRY(const ClusterKey fresh, random_key());
    if (auto created = common::create_file(path, to_line(fresh)); !created)
        return tl::unexpected(not_writable(std::move(created.error())));
    return read_own_key(path);  // another lbd may have been faster
}

Result<std::optional<ClusterKey>> look_for_own_key(const fs::path& state_directory) {
    auto present = read_own_key(own_key_file(state_directory));
    if (present) return *present;
    if (present.error().code != ENOENT) return tl::unexpected(std::move(present.error()));
    std::error_code unknown;
    fs::path directory = fs::absolute(state_directory);
    while (!fs::exists(directory, unknown) && directory.has_relative_path()) directory = directory.parent_path();
    if (::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) < 0)
        return tl::unexpected(not_writable({.operation = "write to", .object = directory.string(), .code = errno}));
    return std::nullopt;
}

}  // namespace culvert::lbd
