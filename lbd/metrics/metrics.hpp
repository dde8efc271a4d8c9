// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lbd/model/status.hpp"

/// The status in the format of Prometheus. metrics.cpp has the table of names, units and labels.
namespace culvert::lbd {

/// Whether metrics stand for backends or for services. Metrics of a service are the sums over its backends, without the
/// label `backend`. Metrics that cannot be added up, such as shares, are left out.
enum class Detail : std::uint8_t { backends, services };

/// The description of a metric.
struct MetricInfo {
    std::string_view name;
    std::string_view type;    ///< "counter", "gauge", "summary" or "histogram"
    std::string_view labels;  ///< such as "service, backend"; the labels of Detail::backends
    std::string_view help;
    bool of_service = false;  ///< it also exists in Detail::services
};
/// All metrics, in the order of the exposition.
[[nodiscard]] std::vector<MetricInfo> metric_table();

/// A status in Prometheus' text format, version 0.0.4. It is written while it is read, so that no piece takes long.
/// Each family appears even if it has no metric.
class Exposition {
  public:
    Exposition(Status status, Detail detail);

    /// The next piece with some hundred metrics; empty at the end.
    [[nodiscard]] std::string next();

  private:
    Status status_;
    Detail detail_;
    std::size_t family_ = 0;   // the next one to write
    std::size_t service_ = 0;  // the next service in this family
};

}  // namespace culvert::lbd
