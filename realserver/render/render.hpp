// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "realserver/model/config.hpp"

/// `realserver render`: what else a host needs to become this backend again by itself, written from templates/.
namespace culvert::realserver {

/// A file that can be rendered.
struct Rendering {
    std::string_view kind;       ///< as on the command line
    std::string_view path;       ///< where it belongs, without the leading slash
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

/// What is installed where: absolute paths.
struct Installation {
    std::filesystem::path program;
    std::filesystem::path config;
};

/// The file's text. It follows from the configuration alone, so it may be made on another host.
[[nodiscard]] std::string render(const Rendering& rendering, const Config& config, const Installation& installation);

}  // namespace culvert::realserver
