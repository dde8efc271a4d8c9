// SPDX-License-Identifier: Apache-2.0
#include "lbd/frame/pcap_file.hpp"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <array>
#include <memory>

namespace culvert::lbd {

tl::expected<std::vector<Bytes>, std::string> read_pcap(const std::string& path) {
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    const std::unique_ptr<pcap_t, decltype(&::pcap_close)> file(::pcap_open_offline(path.c_str(), error.data()),
                                                                ::pcap_close);
    if (!file) return tl::unexpected(std::string(error.data()));
    if (::pcap_datalink(file.get()) != DLT_EN10MB)
        return tl::unexpected(fmt::format("{}: holds no Ethernet frames", path));
    std::vector<Bytes> frames;
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    int result = 0;
    while ((result = ::pcap_next_ex(file.get(), &header, &data)) == 1) frames.emplace_back(data, data + header->caplen);
    if (result != PCAP_ERROR_BREAK) return tl::unexpected(fmt::format("{}: {}", path, ::pcap_geterr(file.get())));
    return frames;
}

}  // namespace culvert::lbd
