// SPDX-License-Identifier: Apache-2.0
#include "lbd/attach/log.hpp"

#include <spdlog/spdlog.h>

#include <string>

#include "lbd/model/cure.hpp"

namespace culvert::lbd {

void log_generic(netlink::Error why, std::size_t ports) {
    // The cure "xdp: generic" is left out: it is what happens.
    constexpr std::string_view cure = cure_of("native_impossible");
    if (why.cure.ends_with(cure)) why.cure.resize(why.cure.size() - cure.size());
    if (why.cure.ends_with(", or ")) why.cure.resize(why.cure.size() - std::string(", or ").size());
    spdlog::warn(why.message() + "; generic XDP is used" + (ports > 1 ? " on all interfaces" : "") +
                 ", which is slower");
}

}  // namespace culvert::lbd
