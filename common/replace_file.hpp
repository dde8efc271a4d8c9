// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "netlink/result.hpp"

namespace culvert::common {

/// Makes it and all directories above it. No error if it exists.
[[nodiscard]] netlink::Result<> make_directory(const std::filesystem::path& directory);

/// Creates or replaces the file, completely or not at all, even if the machine stops meanwhile.
[[nodiscard]] netlink::Result<> replace_file(const std::filesystem::path& path, std::string_view text, mode_t mode);

/// Creates a file for its owner only, completely or not at all. One that is there stays as it is.
[[nodiscard]] netlink::Result<> create_file(const std::filesystem::path& path, std::string_view text);

/// replace_file() in two steps, with a way back, for a change that affects more than the file.
class FileReplacement {
  public:
    /// Writes the new content to a second file. No text: the file will be removed. Fails if the directory is read-only.
    [[nodiscard]] static netlink::Result<FileReplacement> prepare(std::filesystem::path path,
                                                                  const std::optional<std::string>& text, mode_t mode);
    FileReplacement(FileReplacement&& other) noexcept;
    FileReplacement& operator=(FileReplacement&&) = delete;
    /// Removes the second file.
    ~FileReplacement();

    /// If it fails, nothing has changed.
    [[nodiscard]] netlink::Result<> commit();
    /// After commit(): restores the former file, or its absence.
    [[nodiscard]] netlink::Result<> undo();

  private:
    FileReplacement(std::filesystem::path path, bool removes) : path_(std::move(path)), removes_(removes) {}

    [[nodiscard]] std::filesystem::path fresh() const { return path_.string() + ".new"; }
    [[nodiscard]] std::filesystem::path former() const { return path_.string() + ".former"; }

    std::filesystem::path path_;  // empty: moved from
    bool removes_;
    bool was_there_ = false;
};

/// The cure if the error is a missing permission.
[[nodiscard]] std::string privilege(int code);

}  // namespace culvert::common
