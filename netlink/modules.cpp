// SPDX-License-Identifier: Apache-2.0
#include "netlink/modules.hpp"

#include <fmt/format.h>
#include <libkmod.h>
#include <sys/utsname.h>

#include <array>
#include <cerrno>
#include <utility>

#include "netlink/handle.hpp"
#include "netlink/sysctl.hpp"

namespace culvert::netlink {

namespace {

using Context = Handle<kmod_ctx, kmod_unref>;
using Module = Handle<kmod_module, kmod_module_unref>;
using ModuleList = Handle<kmod_list, kmod_module_unref_list>;

/// The kernel option for each module that a backend or a balancer may lack.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> options{{
    {"fou", "CONFIG_NET_FOU"},
    {"fou6", "CONFIG_IPV6_FOU_TUNNEL"},
    {"ipip", "CONFIG_NET_IPIP"},
    {"sit", "CONFIG_IPV6_SIT"},
    {"ip6_tunnel", "CONFIG_IPV6_TUNNEL"},
    {"ip_gre", "CONFIG_NET_IPGRE"},
    {"ip6_gre", "CONFIG_IPV6_GRE"},
    {"geneve", "CONFIG_GENEVE"},
    {"dummy", "CONFIG_DUMMY"},
    {"8021q", "CONFIG_VLAN_8021Q"},
    {"nf_tables", "CONFIG_NF_TABLES"},
}};

std::string kernel_release() {
    utsname names{};
    uname(&names);
    return names.release;
}

Result<Context> modules_of_this_kernel() {
    Context context(kmod_new(nullptr, nullptr));
    if (!context) return failure("open", "/lib/modules/" + kernel_release(), errno);
    kmod_set_log_fn(
        context.get(), [](void*, int, const char*, int, const char*, const char*, va_list) {}, nullptr);
    return context;
}

/// The module with this name or alias in /lib/modules/<release>, or none.
Module find(kmod_ctx* context, const std::string& name) {
    kmod_list* found = nullptr;
    kmod_module_new_from_lookup(context, name.c_str(), &found);
    const ModuleList modules(found);
    return Module(modules ? kmod_module_get_module(modules.get()) : nullptr);
}

ModuleState state(kmod_ctx* context, const std::string& name) {
    kmod_module* by_name = nullptr;
    kmod_module_new_from_name(context, name.c_str(), &by_name);
    const Module module(by_name);
    switch (module ? kmod_module_get_initstate(module.get()) : -ENOENT) {
        case KMOD_MODULE_LIVE:
            return ModuleState::loaded;
        case KMOD_MODULE_BUILTIN:
        case KMOD_MODULE_COMING:  // also a built-in module with parameters, if modules.builtin is missing
            return ModuleState::built_in;
        default:
            break;
    }
    const Module loadable = find(context, name);
    return loadable && kmod_module_get_path(loadable.get()) != nullptr ? ModuleState::loadable : ModuleState::absent;
}

/// The command in modprobe.d that replaces loading it, if any.
std::string install_command(kmod_ctx* context, std::string_view name) {
    const Handle<kmod_config_iter, kmod_config_iter_free_iter> commands(kmod_config_get_install_commands(context));
    while (commands && kmod_config_iter_next(commands.get()))
        if (kmod_config_iter_get_key(commands.get()) == name) return kmod_config_iter_get_value(commands.get());
    return {};
}

std::string hindrance(kmod_ctx* context, std::string_view name) {
    static const auto disabled = SysctlKey::parse("kernel.modules_disabled").value();
    if (read_number(disabled).value_or(0) != 0)
        return fmt::format(
            "kernel.modules_disabled is 1 until the next boot: write {} into a file of "
            "/etc/modules-load.d, and reboot",
            name);
    const std::string command = install_command(context, name);
    if (command.empty()) return {};
    return fmt::format("remove \"install {} {}\" from /etc/modprobe.d; then modprobe {}", name, command, name);
}

}  // namespace

Result<std::vector<ModuleState>> module_states(const std::vector<std::string_view>& names) {
    std::vector<ModuleState> states;
    if (names.empty()) return states;
    TRY(const auto context, modules_of_this_kernel());
    for (const std::string_view name : names) states.push_back(state(context.get(), std::string(name)));
    return states;
}

Result<> load_module(std::string_view name) {
    const std::string text(name);
    TRY(const auto context, modules_of_this_kernel());
    const ModuleState now = state(context.get(), text);
    if (now == ModuleState::loaded || now == ModuleState::built_in) return {};
    if (now == ModuleState::absent) return failure("load module", text, ENOENT, {}, absent_module_cure(name));

    const Module module = find(context.get(), text);
    const int code = kmod_module_probe_insert_module(module.get(), 0, nullptr, nullptr, nullptr, nullptr);
    if (code >= 0) return {};
    if (auto cure = hindrance(context.get(), name); !cure.empty())
        return failure("load module", text, -code, {}, std::move(cure));
    return failure("load module", text, -code, {},
                   code == -EPERM
                       ? fmt::format("as root, modprobe {0}; at every boot: a line {0} in /etc/modules-load.d", text)
                       : fmt::format("dmesg says why the kernel refuses it; then modprobe {}", text));
}

std::string module_hindrance(std::string_view name) {
    const auto context = modules_of_this_kernel();
    return context ? hindrance(context->get(), name) : std::string{};
}

std::string absent_module_cure(std::string_view name) {
    std::string_view option;
    for (const auto& [module, its_option] : options)
        if (module == name) option = its_option;
    return fmt::format(
        "/lib/modules/{0} has no {1}: install the package with this kernel's additional modules (Ubuntu: "
        "linux-modules-extra-{0}; Debian: linux-image-amd64 instead of the cloud image), or boot a kernel with {2}",
        kernel_release(), name, option.empty() ? "it" : option);
}

}  // namespace culvert::netlink
