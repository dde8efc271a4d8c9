// SPDX-License-Identifier: Apache-2.0
#include "bench/cluster/lives.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace culvert::bench::cluster {
namespace {

/// P(life > x) is (least / x)^alpha, up to the longest.
constexpr double alpha = 1 / 0.9;

double mean_life() {
    return Lives::least + Lives::least / (alpha - 1) * (1 - std::pow(Lives::least / Lives::most, alpha - 1));
}

double life_of(double part) { return Lives::least / std::pow(1 - part, 1 / alpha); }

/// The density of what is left is P(life > x), divided by the mean.
double rest_of(double part) {
    const double area = part * mean_life();
    if (area < Lives::least) return area;
    return Lives::least * std::pow(1 - (area - Lives::least) * (alpha - 1) / Lives::least, -1 / (alpha - 1));
}

}  // namespace

Lives::Lives(const Options& options) : opened_(options.connections / mean_life()) {
    for (std::size_t i = 0; i < gaps_.size(); ++i) {
        const double part = (static_cast<double>(i) + 0.5) / static_cast<double>(gaps_.size());
        const auto seconds = [](double time, double longest) {
            return static_cast<std::uint16_t>(std::clamp(std::round(time), 1.0, longest));
        };
        lives_[i] = seconds(life_of(part), most);
        rests_[i] = seconds(rest_of(part), most);
        gaps_[i] = seconds(std::pow(options.silence, part), options.silence);
    }
}

}  // namespace culvert::bench::cluster
