// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "lbd/model/image.hpp"
#include "lbd/model/services.hpp"
#include "lbd/model/turnover.hpp"
#include "lbd/plan/plan.hpp"
#include "lbd/plan/slots.hpp"

namespace culvert::lbd {

/// What is in force before or after a change.
struct Side {
    const Services& services;
    const Image& image;
    std::function<MaglevTable(const TablePlace&)> table;
};

/// What the change does to connections of the services that it concerns, in the order of the configuration. Values
/// only.
[[nodiscard]] std::vector<Turnover> turnovers(const Side& before, const Side& after, const Change& change);

/// The number of slots that get another backend.
[[nodiscard]] std::uint32_t changed_slots(const Turnover& turnover);

}  // namespace culvert::lbd
