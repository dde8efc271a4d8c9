// SPDX-License-Identifier: Apache-2.0
#include "lbd/announce/files.hpp"

#include <fmt/core.h>

#include <cstdint>

#include <nlohmann/json.hpp>

#include "lbd/files/list_file.hpp"
#include "lbd/model/cure.hpp"

namespace culvert::lbd {

using netlink::Result;
using Json = nlohmann::ordered_json;

/// [{"table": 186, "protocol": 114}, …]
Result<AnnouncePlaces> read_places(const std::filesystem::path& path) {
    AnnouncePlaces places;
    CHECK_OK(read_list(path, fmt::format(cure_of("places_unreadable"), path.string()), [&places](const Json& one) {
        places.insert({one.at("table").get<std::uint32_t>(), one.at("protocol").get<std::uint8_t>()});
    }));
    return places;
}

Result<> write_places(const std::filesystem::path& path, const AnnouncePlaces& places) {
    Json list = Json::array();
    for (const AnnouncePlace& place : places) list.push_back({{"table", place.table}, {"protocol", place.protocol}});
    return write_list(path, list);
}

std::filesystem::path places_file(std::filesystem::path socket) { return socket.replace_extension(".announced.json"); }

/// [{"left": true}]
Result<bool> read_left(const std::filesystem::path& path) {
    bool left = false;
    CHECK_OK(read_list(path, fmt::format(cure_of("left_unreadable"), path.string()),
                       [&left](const Json& one) { left = one.at("left").get<bool>(); }));
    return left;
}

Result<> write_left(const std::filesystem::path& path, bool left) {
    Json list = Json::array();
    if (left) list.push_back({{"left", true}});
    return write_list(path, list);
}

std::filesystem::path left_file(std::filesystem::path socket) { return socket.replace_extension(".left.json"); }

}  // namespace culvert::lbd
