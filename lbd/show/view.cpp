// SPDX-License-Identifier: Apache-2.0
#include "lbd/show/view.hpp"

#include <string>

#include <nlohmann/json.hpp>

namespace culvert::lbd {

using Json = nlohmann::ordered_json;

bool has_family(View view) { return view == View::services || view == View::backends || view == View::neighbours; }

Json of_family(View view, const Json& list, netlink::Family family) {
    const char* key = view == View::services ? "vip" : "address";
    Json rest = Json::array();
    for (const Json& one : list) {
        const bool is_v6 = one.at(key).get<std::string>().find(':') != std::string::npos;
        if (is_v6 == (family == netlink::Family::ipv6)) rest.push_back(one);
    }
    return rest;
}

}  // namespace culvert::lbd
