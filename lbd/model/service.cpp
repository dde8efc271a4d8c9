// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/service.hpp"

#include <fmt/core.h>

namespace culvert::lbd {

std::string to_string(const PortSpec& port) {
    const std::string range = port.last > port.port ? fmt::format("-{}", port.last) : "";
    return fmt::format("{}{}/{}", port.port == 0 ? "any" : std::to_string(port.port), range, name(port.protocol));
}

}  // namespace culvert::lbd
