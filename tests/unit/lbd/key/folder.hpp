// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace culvert::lbd {

/// A folder for files, which is removed with this object.
class Folder {
  public:
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    Folder() {
        std::string name = std::filesystem::temp_directory_path() / "culvert-key-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }

    [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

    [[nodiscard]] std::string write(std::string_view name, std::string_view text) const {
        std::ofstream(path_ / name) << text;
        std::filesystem::permissions(path_ / name,
                                     std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
        return path_ / name;
    }

  private:
    std::filesystem::path path_;
};

inline std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline unsigned mode_of(const std::filesystem::path& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) < 0 ? 0 : status.st_mode & 07777;
}

}  // namespace culvert::lbd
