// SPDX-License-Identifier: Apache-2.0
// Reads packets quoted by routers from arbitrary bytes.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lbd/path_mtu/quotation.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace culvert;
    const std::vector<std::uint8_t> message(data, data + size);  // on the heap: reads beyond the end are found
    (void)lbd::read_quotation4(message);
    (void)lbd::read_quotation6(message, *netlink::IpAddress::parse("fe80::1"));
    return 0;
}
