// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lbd/model/service_view.hpp"

namespace culvert::lbd {

/// Compares our lines of a service with those of a peer, which come in parts, sorted by key.
class Comparison {
  public:
    explicit Comparison(std::shared_ptr<const ServiceView> ours) : ours_(std::move(ours)) {}

    void take(const std::vector<ViewLine>& theirs);
    /// There are no more of theirs.
    void finish();

    [[nodiscard]] const std::string& service() const { return ours_->name; }
    [[nodiscard]] std::size_t total() const { return total_; }
    /// As many as are kept.
    [[nodiscard]] const std::vector<Disagreement>& found() const { return found_; }

    static constexpr std::size_t most_kept = 16;

  private:
    void put(const ViewLine* ours, const ViewLine* theirs);

    std::shared_ptr<const ServiceView> ours_;
    std::size_t next_ = 0;           // the first of our lines that was not compared
    std::set<std::string> missing_;  // backends that only one of us has
    std::size_t total_ = 0;
    std::vector<Disagreement> found_;
};

}  // namespace culvert::lbd
