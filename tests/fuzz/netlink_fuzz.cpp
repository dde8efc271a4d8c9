// SPDX-License-Identifier: Apache-2.0
// Reads messages of the kernel from arbitrary bytes.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "netlink/channels.hpp"
#include "netlink/fou.hpp"
#include "netlink/monitor.hpp"
#include "netlink/xdp_features.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace culvert::netlink;
    const auto* const bytes = reinterpret_cast<const std::byte*>(data);
    const std::vector<std::byte> message(bytes, bytes + size);  // on the heap: reads beyond the end are found
    (void)decode_event(message);
    (void)decode_fou_port(message);
    (void)decode_link_stats(message);
    (void)decode_channels(message);
    (void)decode_xdp_features(message);
    return 0;
}
