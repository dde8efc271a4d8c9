// SPDX-License-Identifier: Apache-2.0
#include "common/encap.hpp"

namespace culvert::common {

std::string_view name(EncapKind kind) {
    switch (kind) {
        case EncapKind::l2:
            return "l2";
        case EncapKind::ipip:
            return "ipip";
        case EncapKind::gre:
            return "gre";
        case EncapKind::fou:
            return "fou";
        case EncapKind::gue:
            return "gue";
        case EncapKind::geneve:
            return "geneve";
        case EncapKind::l3dsr:
            return "l3dsr";
    }
    return {};
}

}  // namespace culvert::common
