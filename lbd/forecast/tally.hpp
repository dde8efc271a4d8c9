// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "lbd/datapath/flow_table.hpp"
#include "lbd/model/image.hpp"
#include "lbd/model/turnover.hpp"

namespace culvert::lbd {

/// Counts which live connections a change concerns. Values only.
class Tally {
  public:
    using TableOf = std::function<std::vector<std::uint16_t>(const TablePlace&)>;

    /// `image`: what is in force; `table`: its tables. Each is read once. Services that it does not have stay at zero.
    Tally(std::vector<Turnover> turnovers, const Image& image, const TableOf& table, Sample sample);

    /// Call for the entry of each live flow.
    void see(const Flow& flow);
    /// In the order of the turnovers.
    [[nodiscard]] std::vector<TurnoverCount> counts() const;
    /// Count anew.
    void clear();

  private:
    /// What a destination id is.
    struct Place {
        std::uint32_t service = 0;  ///< index + 1; 0: of no service that changes, or no backend
        std::uint32_t value = 0;    ///< what the table has for it
        bool is_lost = false;
    };
    struct Counted {
        TurnoverCount all;
        TurnoverCount sampled;  ///< the part in the sample
    };

    [[nodiscard]] bool moves(const Turnover& turnover, const Place& place, std::uint32_t tag) const;

    std::vector<Turnover> turnovers_;
    std::vector<std::shared_ptr<const std::vector<std::uint16_t>>> tables_;  // where the table decides; null: none
    std::vector<Place> by_dest_;
    Sample sample_;
    std::vector<bool> estimated_;  // also if no entry is of the sample: there may be others
    std::vector<Counted> counted_;
};

}  // namespace culvert::lbd
