// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "lbd/frame/frame.hpp"

namespace culvert::lbd {

/// The frames of a pcap or pcapng file, "-" for standard input. The error says what is wrong with it; so is any link
/// type but Ethernet.
[[nodiscard]] tl::expected<std::vector<Bytes>, std::string> read_pcap(const std::string& path);

}  // namespace culvert::lbd
