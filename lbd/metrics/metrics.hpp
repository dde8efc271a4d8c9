// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "lbd/show/status.hpp"

/// The status as Prometheus has it. Names, units and labels: metrics.cpp, which is the one table of them.
namespace culvert::lbd {

/// Each family is there also when it has no metric.
[[nodiscard]] std::vector<prometheus::MetricFamily> metrics(const Status& status);

/// In Prometheus' text format, version 0.0.4.
[[nodiscard]] std::string exposition(const std::vector<prometheus::MetricFamily>& families);

}  // namespace culvert::lbd
