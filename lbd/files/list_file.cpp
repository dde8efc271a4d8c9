// SPDX-License-Identifier: Apache-2.0
#include "lbd/files/list_file.hpp"

#include <cerrno>
#include <fstream>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

namespace culvert::lbd {

using netlink::failure;
using netlink::Result;
using Json = nlohmann::ordered_json;

Result<> read_list(const std::filesystem::path& path, const std::string& cure,
                   const std::function<void(const Json&)>& take) {
    std::ifstream file(path);
    if (!file) {
        if (errno == ENOENT) return {};
        return failure("read", path.string(), errno, {}, common::privilege(errno));
    }
    try {
        for (const Json& one : Json::parse(file)) take(one);
    } catch (const Json::exception& error) {
        return failure("read", path.string(), EINVAL, error.what(), cure);
    }
    return {};
}

Result<common::FileReplacement> prepare_list(std::filesystem::path path, const Json& list) {
    constexpr mode_t mode = 0600;
    std::optional<std::string> text;
    if (!list.empty()) text = list.dump(2) + '\n';
    return common::FileReplacement::prepare(std::move(path), text, mode);
}

Result<> write_list(std::filesystem::path path, const Json& list) {
    TRY(auto file, prepare_list(std::move(path), list));
    return file.commit();
}

}  // namespace culvert::lbd
