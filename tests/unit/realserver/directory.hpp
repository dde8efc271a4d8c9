// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "realserver/record/record_file.hpp"

namespace culvert::realserver {

/// A directory of the test's own.
class Directory {
  public:
    Directory() {
        std::string name = "/dev/shm/culvert-apply.XXXXXX";
        path_ = mkdtemp(name.data());
    }
    ~Directory() { std::filesystem::remove_all(path_); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    [[nodiscard]] RecordFile record() const { return {path_, 1}; }
    [[nodiscard]] bool is_empty() const { return std::filesystem::is_empty(path_); }

  private:
    std::filesystem::path path_;
};

}  // namespace culvert::realserver
