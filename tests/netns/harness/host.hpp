// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "tests/netns/harness/process.hpp"

namespace culvert::netns {

/// A host: a network namespace with its own mounts. /run (a new tmpfs for configurations, captures and the programs'
/// run-time files), /var/lib/culvert, /sys and /sys/fs/bpf are private. It has no name outside this process: nothing of
/// it is left when the test ends, even by SIGKILL, and tests can run in parallel.
///
/// Its lo is up. IPv6 addresses need no duplicate detection, and router advertisements are ignored. rp_filter is strict
/// (1) on "all" and on new devices, as in the strictest distributions.
class Host {
  public:
    explicit Host(std::string name);

    [[nodiscard]] const std::string& name() const { return name_; }

    /// Runs a program to its end: `host.run("ip -j addr show dev lo")`.
    Output run(const Arguments& arguments, std::string_view input = {}, Milliseconds timeout = patience) const;
    Output run(std::string_view command, std::string_view input = {}, Milliseconds timeout = patience) const;
    /// The same for a program that must succeed: throws if it fails, else returns its output.
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

    /// Calls the function in a thread of its own in this host.
    void within(const std::function<void()>& function) const;

    /// For `ip link … netns PATH`.
    [[nodiscard]] std::string namespace_path() const;

  private:
    std::string name_;
    FileDescriptor network_;
    FileDescriptor mounts_;
};

}  // namespace culvert::netns
