// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "netlink/result.hpp"

namespace culvert::common {

/// With all directories above it; done if it is there.
[[nodiscard]] netlink::Result<> make_directory(const std::filesystem::path& directory);

/// Makes the file, or gives it a new content: in full or not at all, also if the machine stops meanwhile.
[[nodiscard]] netlink::Result<> replace_file(const std::filesystem::path& path, std::string_view text, mode_t mode);

/// The cure, if the error says that a right is missing.
[[nodiscard]] std::string privilege(int code);

}  // namespace culvert::common
