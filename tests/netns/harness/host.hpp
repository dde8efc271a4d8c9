// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "tests/netns/harness/process.hpp"

namespace culvert::netns {

/// A machine of a test: a network namespace, with mounts of its own, so that /run (a new tmpfs, for configurations,
/// captures and what the programs keep there), /sys and /sys/fs/bpf are its alone. It has no name outside this process:
/// nothing is left of it when the test ends, even by SIGKILL, and tests run in parallel.
///
/// Its lo is up; IPv6 addresses need no duplicate detection and routers' announcements are ignored; rp_filter is strict
/// (1) on "all" and on new devices, as the strictest distributions have it.
class Host {
  public:
    explicit Host(std::string name);

    [[nodiscard]] const std::string& name() const { return name_; }

    /// Runs a program to its end: `host.run("ip -j addr show dev lo")`.
    Output run(const Arguments& arguments, std::string_view input = {}, Milliseconds timeout = patience) const;
    Output run(std::string_view command, std::string_view input = {}, Milliseconds timeout = patience) const;
    /// The same for what must succeed: throws if it fails, else returns what it printed.
    std::string must(std::string_view command, std::string_view input = {}, Milliseconds timeout = patience) const;
    /// Lines for `ip -batch -`, in one process: `host.ip("route add default via 10.0.0.1\n…")`.
    void ip(std::string_view lines) const;

    [[nodiscard]] Process spawn(const Arguments& arguments, std::string_view input = {}) const;
    [[nodiscard]] Process spawn(std::string_view command, std::string_view input = {}) const;

    /// Files as the host sees them: `host.write("/run/lbd.yaml", text)`.
    void write(const std::string& path, std::string_view content) const;
    [[nodiscard]] std::string read(const std::string& path) const;

    /// "net.ipv4.ip_forward"; a dot in a device's name is written as '/'.
    void set_sysctl(std::string_view name, std::string_view value) const;
    [[nodiscard]] std::string sysctl(std::string_view name) const;

    /// Calls the function in a thread of its own, which is in this host.
    void within(const std::function<void()>& function) const;

    /// For `ip link … netns PATH`.
    [[nodiscard]] std::string namespace_path() const;

  private:
    std::string name_;
    FileDescriptor network_;
    FileDescriptor mounts_;
};

}  // namespace culvert::netns
