// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "realserver/model/config.hpp"

/// `realserver render`: the files with which a host becomes this backend again by itself, made from templates/.
namespace culvert::realserver {

/// A file that can be rendered.
struct Rendering {
    std::string_view kind;       ///< on the command line
    std::string_view path;       ///< its place in the system, without the leading slash
    std::string_view template_;  ///< its name in templates/
    bool executable = false;
};

inline constexpr std::array renderings{
    Rendering{"systemd", "etc/systemd/system/realserver.service", "realserver.service"},
    Rendering{"networkd-dispatcher", "etc/networkd-dispatcher/routable.d/50-culvert", "networkd-dispatcher", true},
    Rendering{"modules-load", "etc/modules-load.d/culvert.conf", "modules-load.conf"},
    Rendering{"sysctl", "etc/sysctl.d/zz-culvert.conf", "sysctl.conf"},
    Rendering{"firewalld", "etc/firewalld/policies/culvert.xml", "firewalld-policy.xml"},
    Rendering{"nftables", "etc/nftables.d/culvert.nft", "nftables.nft"},
};

/// Absolute paths of the installed files.
struct Installation {
    std::filesystem::path program;
    std::filesystem::path config;
};

/// The file's text. It depends only on the configuration, so it may be rendered on another host.
[[nodiscard]] std::string render(const Rendering& rendering, const Config& config, const Installation& installation);

}  // namespace culvert::realserver
