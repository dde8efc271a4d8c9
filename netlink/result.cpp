// SPDX-License-Identifier: Apache-2.0
#include "netlink/result.hpp"

#include <system_error>

namespace culvert::netlink {

std::string Error::message() const {
    std::string text = operation;
    if (!object.empty()) text += " " + object;
    if (code != 0) text += ": " + std::generic_category().message(code);
    if (!kernel.empty()) text += ": " + kernel;
    if (!cure.empty()) text += " (" + cure + ")";
    return text;
}

}  // namespace culvert::netlink
