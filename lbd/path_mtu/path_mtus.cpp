// SPDX-License-Identifier: Apache-2.0
#include "lbd/path_mtu/path_mtus.hpp"

#include <algorithm>

namespace culvert::lbd {
namespace {

/// With so few guesses, an attacker who knows all but the identification (16 bits) hits it once in nine hours on
/// average. When the wrong guesses end, one report is believed again within a second.
constexpr double guesses_at_once = 8;
constexpr double guesses_a_second = 2;

/// Among more wrong guesses. With 1,000 guesses a second of the identification, an attacker needs a day and a half on
/// average for three hits so close together, or with each other path MTU.
constexpr std::uint32_t right_ones = 3;
constexpr std::uint32_t most_wrong_ones = 2048;

}  // namespace

common::TokenBucket PathMtus::Guesses::few() { return {guesses_at_once, guesses_a_second}; }

void PathMtus::Guesses::add_wrong(Clock::time_point now) {
    few_wrong_.take(now);
    if (right_ > 0 && ++wrong_ > most_wrong_ones) right_ = 0;
}

bool PathMtus::Guesses::add_right(std::uint32_t told, Clock::time_point now) {
    if (few_wrong_.has_any(now)) return true;
    if (right_ == 0 || told_ != told) {
        told_ = told;
        right_ = wrong_ = 0;
    }
    return ++right_ >= right_ones;
}

tl::expected<bool, Doubt> PathMtus::hear(const Quotation& quotation, const tl::expected<Proof, Doubt>& checked,
                                         const NextHop& hop, Clock::time_point now) {
    if (!checked && checked.error() != Doubt::header) return tl::unexpected(checked.error());
    if (!checked || *checked != Proof::flow) {
        Guesses& guesses = guesses_[quotation.destination];
        if (!checked) return guesses.add_wrong(now), tl::unexpected(Doubt::header);
        if (!guesses.add_right(quotation.mtu, now)) return tl::unexpected(Doubt::too_many);
    }
    const auto mtu = static_cast<std::uint16_t>(std::clamp<std::uint32_t>(quotation.mtu, least, UINT16_MAX));
    const Learned* known = find(quotation.destination, hop);
    if (mtu >= (known != nullptr ? known->mtu : hop.mtu)) return false;
    learned_[quotation.destination] = {.mtu = mtu,
                                       .told = quotation.mtu,
                                       .router = quotation.router,
                                       .ifindex = hop.ifindex,
                                       .next = hop.destination,
                                       .until = now + lifetime};
    return true;
}

const PathMtus::Learned* PathMtus::find(const IpAddress& backend, const NextHop& hop) const {
    const auto known = learned_.find(backend);
    if (known == learned_.end()) return nullptr;
    const Learned& learned = known->second;
    return learned.ifindex == hop.ifindex && learned.next == hop.destination ? &learned : nullptr;
}

std::vector<IpAddress> PathMtus::expire(Clock::time_point now) {
    std::vector<IpAddress> forgotten;
    std::erase_if(learned_, [&](const auto& one) {
        if (one.second.until > now) return false;
        forgotten.push_back(one.first);
        return true;
    });
    return forgotten;
}

void PathMtus::forget(const IpAddress& backend) {
    learned_.erase(backend);
    guesses_.erase(backend);
}

}  // namespace culvert::lbd
