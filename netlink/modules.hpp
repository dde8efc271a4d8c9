// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "netlink/result.hpp"

namespace culvert::netlink {

enum class ModuleState {
    loaded,
    built_in,
    loadable,  ///< not loaded, but in /lib/modules/<release>
    /// Nothing is known about it. A kernel with the code built in but without /lib/modules/<release>/modules.builtin
    /// looks the same. So use the facility first, and ask this only to explain a failure.
    absent,
};

/// The states of kernel modules by name ("fou") in the running kernel, with or without support for modules, in the
/// order of the names.
[[nodiscard]] Result<std::vector<ModuleState>> module_states(const std::vector<std::string_view>& names);

/// Loads a module and its dependencies. No error if it is loaded or built in. ENOENT if it is absent, EPERM without
/// CAP_SYS_MODULE; the error names the cure.
[[nodiscard]] Result<> load_module(std::string_view name);

/// Why modprobe can't load a module that exists, and the cure; empty if no reason is known.
[[nodiscard]] std::string module_hindrance(std::string_view name);

/// The cure for an absent module: the package or kernel option that provides it.
[[nodiscard]] std::string absent_module_cure(std::string_view name);

}  // namespace culvert::netlink
