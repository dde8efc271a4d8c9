// SPDX-License-Identifier: Apache-2.0
#include "netlink/sysctl.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

namespace culvert::netlink {

namespace {

char swap_separator(char c) { return c == '.' ? '/' : c == '/' ? '.' : c; }

std::string swap_separators(std::string text) {
    std::ranges::transform(text, text.begin(), swap_separator);
    return text;
}

bool is_relative_path(std::string_view path) {
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string_view part = path.substr(begin, end - begin);
        if (part.empty() || part == "." || part == "..") return false;
        begin = end + 1;
    }
    return path.find('\0') == std::string_view::npos;
}

std::string cure(int code) {
    if (code == EACCES || code == EPERM) return "run as root, with CAP_NET_ADMIN";
    if (code == EROFS) return "/proc/sys is mounted read-only here: make it writable for the container";
    return {};
}

struct File {
    int fd;
    ~File() {
        if (fd >= 0) close(fd);
    }
};

}  // namespace

std::optional<SysctlKey> SysctlKey::parse(std::string_view name) {
    const std::size_t separator = name.find_first_of("./");
    std::string path(name);
    if (separator != std::string_view::npos && name[separator] == '.') path = swap_separators(path);
    if (!is_relative_path(path)) return std::nullopt;
    return SysctlKey(path);
}

SysctlKey SysctlKey::conf(Family family, std::string_view device, std::string_view name) {
    return SysctlKey(fmt::format("net/{}/conf/{}/{}", netlink::name(family), device, name));
}

std::string SysctlKey::to_string() const { return swap_separators(path_); }

std::string SysctlKey::path() const { return "/proc/sys/" + path_; }

Result<std::string> read(const SysctlKey& key) {
    const File file{open(key.path().c_str(), O_RDONLY | O_CLOEXEC)};
    std::array<char, 4096> buffer{};
    const ssize_t size = file.fd < 0 ? -1 : ::read(file.fd, buffer.data(), buffer.size());
    if (size < 0) return failure("read sysctl", key.to_string(), errno, {}, cure(errno));
    std::string value(buffer.data(), static_cast<std::size_t>(size));
    if (value.ends_with('\n')) value.pop_back();
    return value;
}

Result<long> read_number(const SysctlKey& key) {
    TRY(const std::string text, read(key));
    long number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size())
        return failure("read sysctl", fmt::format("{} = {}", key.to_string(), text), EINVAL, "not a number");
    return number;
}

Result<> write(const SysctlKey& key, std::string_view value) {
    const File file{open(key.path().c_str(), O_WRONLY | O_CLOEXEC)};
    if (file.fd < 0 || ::write(file.fd, value.data(), value.size()) < 0)
        return failure("write sysctl", fmt::format("{} = {}", key.to_string(), value), errno, {}, cure(errno));
    return {};
}

}  // namespace culvert::netlink
