// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "netlink/address.hpp"
#include "netlink/result.hpp"

namespace culvert::netlink {

/// The name of one kernel parameter under /proc/sys. Network parameters are those of the calling thread's network
/// namespace.
class SysctlKey {
  public:
    /// Reads a name as sysctl(8) does: the first '.' or '/' is the separator, and the other one stands for a dot in a
    /// name. "net.ipv4.conf.eth0/100.rp_filter" and "net/ipv4/conf/eth0.100/rp_filter" are the same key. Nothing if a
    /// part is empty, "." or "..".
    [[nodiscard]] static std::optional<SysctlKey> parse(std::string_view name);

    /// net.ipv4.conf.<device>.<name> or net.ipv6.conf.<device>.<name>. The device may be "all" or "default", and may
    /// contain dots.
    [[nodiscard]] static SysctlKey conf(Family family, std::string_view device, std::string_view name);

    /// 0 off, 1 strict, 2 loose. The maximum of the device's own value and that of "all" is effective
    /// (Documentation/networking/ip-sysctl.rst).
    [[nodiscard]] static SysctlKey rp_filter(std::string_view device) {
        return conf(Family::ipv4, device, "rp_filter");
    }
    [[nodiscard]] static SysctlKey arp_ignore(std::string_view device) {
        return conf(Family::ipv4, device, "arp_ignore");
    }
    [[nodiscard]] static SysctlKey arp_announce(std::string_view device) {
        return conf(Family::ipv4, device, "arp_announce");
    }

    /// "net.ipv4.conf.eth0/100.rp_filter", which sysctl(8) and sysctl.d(5) accept.
    [[nodiscard]] std::string to_string() const;
    /// "/proc/sys/net/ipv4/conf/eth0.100/rp_filter"
    [[nodiscard]] std::string path() const;

    auto operator<=>(const SysctlKey&) const = default;

  private:
    explicit SysctlKey(std::string path) : path_(std::move(path)) {}
    std::string path_;  // below /proc/sys
};

/// The value without its final newline. ENOENT: no such device or parameter.
[[nodiscard]] Result<std::string> read(const SysctlKey& key);
/// The value as a number; EINVAL if it is not one.
[[nodiscard]] Result<long> read_number(const SysctlKey& key);
[[nodiscard]] Result<> write(const SysctlKey& key, std::string_view value);

}  // namespace culvert::netlink
