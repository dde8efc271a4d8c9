// SPDX-License-Identifier: Apache-2.0
#include "lbd/exchange/preference.hpp"

namespace culvert::lbd {
namespace {

/// A unit is how late a message may be, and two are by how much the clocks of two balancers round otherwise.
constexpr int much_later = 3;

/// By use. Ages grow with time, so two balancers may find otherwise.
bool is_of_newer_connection(const FlowClaim& one, const FlowClaim& other) {
    if (one.age != other.age) return one.age < other.age;
    if (one.lasted != other.lasted) return one.lasted < other.lasted;
    return one.backend < other.backend;
}

}  // namespace

Preference preference(const FlowClaim& own, const FlowClaim& foreign) {
    if (own.backend == foreign.backend) return {.is_foreign = foreign.age < own.age, .is_same = true};
    if (!own.choice.is_said() || !foreign.choice.is_said()) return {.is_foreign = is_of_newer_connection(foreign, own)};
    // A connection whose end no balancer has seen, and another one from the same port.
    const int later = own.age - foreign.age;
    const bool have_left = own.choice.has_left() || foreign.choice.has_left();
    if (!have_left && (later >= much_later || -later >= much_later)) return {.is_foreign = later > 0};
    if (own.choice == foreign.choice) return {.is_foreign = foreign.backend < own.backend, .is_final = true};
    return {.is_foreign = foreign.choice.counts_before(own.choice), .is_final = true};
}

}  // namespace culvert::lbd
