// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/yaml.hpp"
#include "lbd/config/file/map.hpp"
#include "lbd/model/config.hpp"

/// Readers of single values in lbd.yaml. Errors are reported at the value; the result is then nothing.
namespace culvert::lbd {

/// A name that needs no quotes in commands, metrics and JSON: 1 to 63 letters, digits and - _ . :
[[nodiscard]] std::optional<std::string> read_name(const common::yaml::Value& value);

/// A unicast address that can be routed.
[[nodiscard]] std::optional<IpAddress> read_backend_address(const common::yaml::Value& value);

/// Such an address, or a network of /8 or longer for IPv4, /32 or longer for IPv6.
[[nodiscard]] std::optional<Vip> read_vip(const common::yaml::Value& value);

/// `any`, or `[53/udp, 8000-8099/tcp, any/sctp]`.
[[nodiscard]] std::optional<std::vector<PortSpec>> read_ports(const common::yaml::Value& value);

/// The smallest prime that is not less than `number`.
[[nodiscard]] std::uint32_t next_prime(std::uint32_t number);

/// A prime, the size of a Maglev table.
[[nodiscard]] std::optional<std::uint32_t> read_table_size(const common::yaml::Value& value);

/// `120s`: after this time without a packet a flow is forgotten.
[[nodiscard]] std::optional<std::chrono::milliseconds> read_idle(const common::yaml::Value& value);

/// The only scheduler is `maglev`: its name is checked, and the result is not used.
[[nodiscard]] std::optional<int> read_scheduler(const common::yaml::Value& value);

/// `auto`, `all` or `none`
[[nodiscard]] std::optional<Track> read_track(const common::yaml::Value& value);

/// Begins with /.
[[nodiscard]] std::optional<std::string> read_path(const common::yaml::Value& value);

/// `{entries: 4M, idle: 120s}`
[[nodiscard]] std::optional<Flows> read_flows(const common::yaml::Value& value);

/// `127.0.0.1:9477` or `"[::1]:9477"`; `off` is read as no endpoint.
[[nodiscard]] std::optional<std::optional<Endpoint>> read_metrics(const common::yaml::Value& value);

}  // namespace culvert::lbd
