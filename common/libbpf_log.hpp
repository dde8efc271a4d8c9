// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace culvert::common {

/// While this lives, it stores libbpf's messages and the verifier's log instead of printing them. Only one at a time.
class LibbpfLog {
  public:
    LibbpfLog();
    ~LibbpfLog();
    LibbpfLog(const LibbpfLog&) = delete;
    LibbpfLog& operator=(const LibbpfLog&) = delete;

    /// The last lines: there the verifier says what it refuses.
    [[nodiscard]] static std::string tail();
};

}  // namespace culvert::common
