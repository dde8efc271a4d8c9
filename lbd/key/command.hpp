// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/command/command.hpp"

/// `lbd keygen`
namespace culvert::lbd {

ExitCode keygen(const Options& options);

}  // namespace culvert::lbd
