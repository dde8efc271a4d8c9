// SPDX-License-Identifier: Apache-2.0
#include "lbd/path_mtu/flow_key.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <vector>

namespace culvert::lbd {
namespace {

using netlink::IpAddress;

/// Appends the words in memory order, as the program reads them.
void append_words(std::vector<std::uint32_t>& words, std::span<const std::uint8_t> bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += sizeof(std::uint32_t)) {
        std::uint32_t word = 0;
        std::memcpy(&word, &bytes[i], sizeof word);
        words.push_back(word);
    }
}

std::uint32_t ports_of(const FlowTuple& flow) {
    const std::array bytes{static_cast<std::uint8_t>(flow.client_port >> 8),
                           static_cast<std::uint8_t>(flow.client_port), static_cast<std::uint8_t>(flow.port >> 8),
                           static_cast<std::uint8_t>(flow.port)};
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    return word;
}

}  // namespace

FlowKey::FlowKey(const lb_config& config) : final_(config.hash_final) {
    std::ranges::copy(config.hash_key, words_.begin());
}

std::uint64_t FlowKey::hash(const FlowTuple& flow) const {
    std::vector<std::uint32_t> words;
    if (!flow.vip.is_v4()) words = {ports_of(flow), flow.protocol};
    append_words(words, flow.client.bytes());
    append_words(words, flow.vip.bytes());
    if (flow.vip.is_v4()) words.insert(words.end(), {ports_of(flow), flow.protocol});
    assert(words.size() <= words_.size());

    std::uint64_t sum = 0;
    for (std::size_t i = 0; i + 1 < words.size(); i += 2)
        sum += std::uint64_t{words[i] + words_.at(i)} * (words[i + 1] + words_.at(i + 1));
    return lb_vip_mix(sum ^ final_);
}

std::uint16_t FlowKey::identification(const IpAddress& source, const IpAddress& backend) const {
    constexpr std::uint8_t no_protocol = 255;  // reserved by IANA, so no client's flow has it
    return static_cast<std::uint16_t>(hash({.client = source, .vip = backend, .protocol = no_protocol}) % UINT16_MAX +
                                      1);
}

}  // namespace culvert::lbd
