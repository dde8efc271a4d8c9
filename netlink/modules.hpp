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
    loadable,  ///< not loaded, but /lib/modules/<release> has it
    /// Nothing is known of it. A kernel that has the code built in and no /lib/modules/<release>/modules.builtin looks
    /// the same, so use the facility first, and ask this to explain why it failed.
    absent,
};

/// The state of a kernel module by name ("fou") in the running kernel, with or without support for modules.
[[nodiscard]] Result<ModuleState> module_state(std::string_view name);
/// Of several, in their order; quicker than one by one.
[[nodiscard]] Result<std::vector<ModuleState>> module_states(const std::vector<std::string_view>& names);

/// Loads a module and those it needs; done if it is loaded or built in. ENOENT if it is absent, EPERM without
/// CAP_SYS_MODULE; the error names the cure.
[[nodiscard]] Result<> load_module(std::string_view name);

/// Why modprobe can't load a module that is there, and what to do; empty if nothing is known to be in its way.
[[nodiscard]] std::string module_hindrance(std::string_view name);

/// What to do where a module is absent: which package or kernel option brings it.
[[nodiscard]] std::string absent_module_cure(std::string_view name);

}  // namespace culvert::netlink
