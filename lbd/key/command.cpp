// SPDX-License-Identifier: Apache-2.0
#include "lbd/key/command.hpp"

#include <fmt/core.h>

#include "lbd/key/key_file.hpp"

namespace culvert::lbd {

ExitCode keygen(const Options& /*options*/) {
    const auto key = random_key();
    if (!key) return fail(key.error());
    fmt::print("{}", to_line(*key));
    return exit_done;
}

}  // namespace culvert::lbd
