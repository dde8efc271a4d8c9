// SPDX-License-Identifier: Apache-2.0
#include "netlink/features.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace culvert::netlink {

namespace {

/// A command of linux/ethtool.h with its data: aligned, and of any length.
class Command {
  public:
    Command(std::uint32_t number, std::size_t size)
        : words_((size + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t)) {
        std::memcpy(words_.data(), &number, sizeof number);
    }
    template <typename T>
    [[nodiscard]] T* as() {
        return reinterpret_cast<T*>(words_.data());
    }

  private:
    std::vector<std::uint64_t> words_;
};

/// Returns an errno, or 0 for success. The kernel's warnings are not errors.
int run(const std::string& device, Command& command) {
    if (device.size() >= IFNAMSIZ) return ENODEV;
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return errno;
    ifreq request{};
    device.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = command.as<char>();
    const int code = ::ioctl(socket, SIOCETHTOOL, &request) < 0 ? errno : 0;
    ::close(socket);
    return code;
}

constexpr std::uint32_t bits = 32;  // of a block

Result<std::vector<std::string>> names_of(const std::string& device) {
    const std::string operation = "ask for the features of";
    Command count(ETHTOOL_GSSET_INFO, sizeof(ethtool_sset_info) + sizeof(std::uint32_t));
    count.as<ethtool_sset_info>()->sset_mask = 1ULL << ETH_SS_FEATURES;
    if (const int code = run(device, count)) return failure(operation, device, code);
    const std::uint32_t length = count.as<ethtool_sset_info>()->data[0];
    Command strings(ETHTOOL_GSTRINGS, sizeof(ethtool_gstrings) + std::size_t{length} * ETH_GSTRING_LEN);
    auto* const list = strings.as<ethtool_gstrings>();
    list->string_set = ETH_SS_FEATURES;
    list->len = length;
    if (const int code = run(device, strings)) return failure(operation, device, code);
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < length; ++i) {
        const auto* const text = reinterpret_cast<const char*>(list->data) + std::size_t{i} * ETH_GSTRING_LEN;
        names.emplace_back(text, ::strnlen(text, ETH_GSTRING_LEN));
    }
    return names;
}

}  // namespace

Result<Features> features(const std::string& device) {
    TRY(const auto names, names_of(device));
    const auto blocks = static_cast<std::uint32_t>((names.size() + bits - 1) / bits);
    Command command(ETHTOOL_GFEATURES, sizeof(ethtool_gfeatures) + blocks * sizeof(ethtool_get_features_block));
    auto* const got = command.as<ethtool_gfeatures>();
    got->size = blocks;
    if (const int code = run(device, command)) return failure("ask for the features of", device, code);
    Features features;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const ethtool_get_features_block& block = got->features[i / bits];
        const std::uint32_t bit = 1U << i % bits;
        if (names[i].empty()) continue;
        features[names[i]] = {.on = (block.active & bit) != 0,
                              .fixed = (block.available & bit) == 0 || (block.never_changed & bit) != 0};
    }
    return features;
}

Result<> set_features(const std::string& device, const std::set<std::string>& wanted, bool on) {
    const std::string operation = on ? "turn on" : "turn off";
    TRY(const auto names, names_of(device));
    const auto blocks = static_cast<std::uint32_t>((names.size() + bits - 1) / bits);
    Command command(ETHTOOL_SFEATURES, sizeof(ethtool_sfeatures) + blocks * sizeof(ethtool_set_features_block));
    auto* const set = command.as<ethtool_sfeatures>();
    set->size = blocks;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (!wanted.contains(names[i])) continue;
        set->features[i / bits].valid |= 1U << i % bits;
        if (on) set->features[i / bits].requested |= 1U << i % bits;
    }
    std::string object;
    for (const std::string& name : wanted) object += (object.empty() ? "" : ", ") + name;
    object += " of " + device;
    if (const int code = run(device, command))
        return failure(operation, object, code, {}, code == EPERM ? "run as root, or with CAP_NET_ADMIN" : "");
    TRY(const Features now, features(device));
    for (const std::string& name : wanted)
        if (const auto one = now.find(name); one != now.end() && one->second.on != on)
            return failure(operation, name + " of " + device, EOPNOTSUPP);
    return {};
}

}  // namespace culvert::netlink
