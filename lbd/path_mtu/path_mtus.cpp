// SPDX-License-Identifier: Apache-2.0
#include "lbd/path_mtu/path_mtus.hpp"

#include <algorithm>

namespace culvert::lbd {
namespace {

/// An attacker who knows all but the identification (16 bits) hits it once in nine hours on average. When the wrong
/// guesses end, a genuine report is accepted again within a second.
constexpr double guesses_at_once = 8;
constexpr double guesses_a_second = 2;

}  // namespace

tl::expected<bool, Doubt> PathMtus::hear(const Quotation& quotation, const tl::expected<Proof, Doubt>& checked,
                                         const NextHop& hop, Clock::time_point now) {
    if (!checked && checked.error() != Doubt::header) return tl::unexpected(checked.error());
    if (!checked || *checked == Proof::identification) {
        auto& guesses = guesses_.try_emplace(quotation.destination, guesses_at_once, guesses_a_second).first->second;
        if (!checked) return guesses.take(now), tl::unexpected(Doubt::header);
        if (!guesses.has_any(now)) return tl::unexpected(Doubt::too_many);
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
