// SPDX-License-Identifier: Apache-2.0
#include "lbd/capture/filter.hpp"

#include <pcap/pcap.h>

namespace culvert::lbd {

void Filter::Free::operator()(bpf_program* program) const {
    ::pcap_freecode(program);
    delete program;
}

tl::expected<Filter, std::string> Filter::compile(const std::string& expression) {
    constexpr int snap_length = 0x40000, optimize = 1;
    const std::unique_ptr<pcap_t, decltype(&::pcap_close)> handle(::pcap_open_dead(DLT_EN10MB, snap_length),
                                                                  ::pcap_close);
    Program program(new bpf_program{});
    if (::pcap_compile(handle.get(), program.get(), expression.c_str(), optimize, PCAP_NETMASK_UNKNOWN) < 0)
        return tl::unexpected(std::string(::pcap_geterr(handle.get())));
    return Filter(std::move(program));
}

bool Filter::matches(std::span<const std::uint8_t> bytes, std::uint32_t length) const {
    pcap_pkthdr header{};
    header.caplen = static_cast<bpf_u_int32>(bytes.size());
    header.len = length;
    return ::pcap_offline_filter(program_.get(), &header, bytes.data()) != 0;
}

}  // namespace culvert::lbd
