// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/latency.hpp"

#include <numeric>

namespace culvert::lbd {

std::optional<std::uint64_t> Latency::bound(std::size_t bucket) {
    if (bucket + 1 == LB_LATENCY_BUCKETS) return std::nullopt;
    return std::uint64_t{1} << bucket;
}

std::uint64_t Latency::packets() const { return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}); }

std::optional<std::uint64_t> Latency::quantile(double part) const {
    const double wanted = part * static_cast<double>(packets());
    std::uint64_t seen = 0;
    std::size_t bucket = 0;
    while (bucket + 1 < counts.size() && static_cast<double>(seen += counts.at(bucket)) < wanted) ++bucket;
    return bound(bucket);
}

Latency& Latency::operator+=(const lb_latency& cpu) {
    sum += cpu.sum;
    for (std::size_t i = 0; i < counts.size(); ++i) counts.at(i) += cpu.bucket[i];
    return *this;
}

}  // namespace culvert::lbd
