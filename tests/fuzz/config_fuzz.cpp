// SPDX-License-Identifier: Apache-2.0
// Reads both configurations from arbitrary text. Every error has a text and a position in the file.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lbd/config/file/read.hpp"
#include "realserver/config/reader.hpp"

namespace {

template <typename Config>
void check(const culvert::common::yaml::Result<Config>& result, std::string_view text) {
    if (result) return;
    const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
    if (result.error().empty()) std::abort();
    for (const auto& error : result.error())
        if (error.text.empty() || error.position.line > lines + 1) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check(culvert::lbd::read_config("lbd.yaml", std::string(text)), text);
    check(culvert::common::yaml::parse("realserver.yaml", text, culvert::realserver::read_config), text);
    return 0;
}
