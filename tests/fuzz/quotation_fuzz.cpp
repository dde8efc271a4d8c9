// SPDX-License-Identifier: Apache-2.0
// What routers quote, from whatever bytes.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lbd/path_mtu/quotation.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace culvert;
    const std::vector<std::uint8_t> message(data, data + size);  // on the heap: a byte beyond is noticed
    (void)lbd::read_quotation4(message);
    (void)lbd::read_quotation6(message, *netlink::IpAddress::parse("fe80::1"));
    return 0;
}
