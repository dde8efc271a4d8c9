// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace culvert::common {

/// While it lives, what libbpf says, the verifier's log among it, is kept instead of printed. One at a time.
class LibbpfLog {
  public:
    LibbpfLog();
    ~LibbpfLog();
    LibbpfLog(const LibbpfLog&) = delete;
    LibbpfLog& operator=(const LibbpfLog&) = delete;

    /// The last lines: that is where the verifier says what it refuses.
    [[nodiscard]] static std::string tail();
};

}  // namespace culvert::common
