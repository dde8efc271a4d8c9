// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "netlink/result.hpp"
#include "realserver/model/record.hpp"

namespace culvert::realserver {

/// The directory of the records. It is empty after a boot, as are the settings.
inline constexpr const char* record_directory = "/run/culvert/realserver";

/// The record of one network namespace, <cookie>.json.
class RecordFile {
  public:
    /// `cookie`: the kernel's number of the namespace. The directory need not exist.
    RecordFile(const std::filesystem::path& directory, std::uint64_t cookie);

    /// Nothing if there is none, or one of an earlier boot. EBADMSG if it is damaged or has another version.
    [[nodiscard]] netlink::Result<std::optional<Record>> load() const;
    /// Atomic, even if the machine crashes.
    [[nodiscard]] netlink::Result<> save(const Record& record) const;
    /// No error if there is none.
    [[nodiscard]] netlink::Result<> remove() const;

    /// <cookie>.monitor, which the monitor of this namespace keeps locked.
    [[nodiscard]] std::filesystem::path monitor() const;

  private:
    std::filesystem::path path_;
};

/// The record as JSON, and back. `boot` is the kernel's boot_id.
[[nodiscard]] std::string encode(const Record& record, std::string_view boot);
/// Nothing if it is from another boot. The error tells what is wrong with the text.
[[nodiscard]] tl::expected<std::optional<Record>, std::string> decode(std::string_view json, std::string_view boot);

}  // namespace culvert::realserver
