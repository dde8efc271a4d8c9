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

/// With all directories above it; done if it is there.
[[nodiscard]] netlink::Result<> make_directory(const std::filesystem::path& directory);

/// Makes the file, or gives it a new content: in full or not at all, also if the machine stops meanwhile.
[[nodiscard]] netlink::Result<> replace_file(const std::filesystem::path& path, std::string_view text, mode_t mode);

/// The same in two moves, and one back, for a change of which the file is but a part.
class FileReplacement {
  public:
    /// Writes the new content beside the file. No text: the file is to go. Fails if the directory can't be written to.
    [[nodiscard]] static netlink::Result<FileReplacement> prepare(std::filesystem::path path,
                                                                  const std::optional<std::string>& text, mode_t mode);
    FileReplacement(FileReplacement&& other) noexcept;
    FileReplacement& operator=(FileReplacement&&) = delete;
    /// Leaves nothing beside the file.
    ~FileReplacement();

    /// Nothing has changed if it fails.
    [[nodiscard]] netlink::Result<> commit();
    /// After commit(): the file is what it was, or there is none again.
    [[nodiscard]] netlink::Result<> undo();

  private:
    FileReplacement(std::filesystem::path path, bool removes) : path_(std::move(path)), removes_(removes) {}

    [[nodiscard]] std::filesystem::path fresh() const { return path_.string() + ".new"; }
    [[nodiscard]] std::filesystem::path former() const { return path_.string() + ".former"; }

    std::filesystem::path path_;  // empty: moved from
    bool removes_;
    bool was_there_ = false;
};

/// The cure, if the error says that a right is missing.
[[nodiscard]] std::string privilege(int code);

}  // namespace culvert::common
