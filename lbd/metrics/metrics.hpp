// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lbd/model/status.hpp"

/// The status as Prometheus has it. Names, units and labels: metrics.cpp, which is the one table of them.
namespace culvert::lbd {

/// What has a metric of its own. Those of a service are the sums of those of its backends, without the label `backend`;
/// what adds up to nothing, as shares do, is left out.
enum class Detail : std::uint8_t { backends, services };

/// What there is to know of a metric before it has a value.
struct MetricInfo {
    std::string_view name;
    std::string_view type;    ///< "counter", "gauge", "summary" or "histogram"
    std::string_view labels;  ///< "service, backend"; those of Detail::backends
    std::string_view help;
    bool of_service = false;  ///< it is there in Detail::services, too
};
/// All metrics, in the order of the exposition.
[[nodiscard]] std::vector<MetricInfo> metric_table();

/// A status in Prometheus' text format, version 0.0.4, written as it is read, so that no piece takes long. Each family
/// is there also when it has no metric.
class Exposition {
  public:
    Exposition(Status status, Detail detail);

    /// The next piece, some hundred metrics; empty at the end.
    [[nodiscard]] std::string next();

  private:
    Status status_;
    Detail detail_;
    std::size_t family_ = 0;   // to be written next
    std::size_t service_ = 0;  // in this family
};

}  // namespace culvert::lbd
