// SPDX-License-Identifier: Apache-2.0
// Reads capture files from arbitrary bytes, and describes each packet.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "lbd/frame/capture_file.hpp"
#include "lbd/frame/whole.hpp"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace culvert::lbd;
    constexpr std::size_t longest = 3400;
    const std::vector<std::uint8_t> bytes(data, data + size);  // on the heap: reads beyond the end are found
    const auto file = parse_capture(bytes);
    if (!file) {
        require(!file.error().empty());
        return 0;
    }
    for (const CapturedFrame& frame : file->frames) {
        require(frame.length >= frame.bytes.size());
        const auto whole = as_whole(frame.bytes, frame.length, longest);
        if (frame.bytes.size() == frame.length) require(whole.has_value());
        if (whole) require(whole->frame.size() == std::min(frame.length, longest));
    }
    return 0;
}
