// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/netns/harness/host.hpp"

namespace culvert::netns {

/// "192.0.2.1" or "[2001:db8::1]", as in a URL.
[[nodiscard]] std::string in_url(const std::string& address);

/// The body of GET http://<address><path>. Throws if it fails. No program is started: that takes an emulated processor
/// a tenth of a second.
[[nodiscard]] std::string http_get(const Host& client, const std::string& address, const std::string& path = "/");
/// The bodies (each one line) of `count` requests for /, each on a connection of its own.
[[nodiscard]] std::vector<std::string> http_get_many(const Host& client, const std::string& address, int count);
/// PUT http://<address>/upload/<file>.
void http_put(const Host& client, const std::string& address, const std::string& file, std::string_view content);

enum class Transport { udp, tcp };
/// The TXT record of whoami.example from the server at `address`, asked twice at most. Throws if it fails.
[[nodiscard]] std::string dns_whoami(const Host& client, const std::string& address,
                                     Transport transport = Transport::udp);
/// The answers to `count` queries, each from its own port.
[[nodiscard]] std::vector<std::string> dns_whoami_many(const Host& client, const std::string& address, int count);

/// The line that answers a line at a Unix socket of a host.
[[nodiscard]] std::string answer_at(const Host& host, const std::string& path, std::string_view line);

/// Bytes without a period, so that any reordering is detected. The same for the same size, and made once.
[[nodiscard]] const std::string& noise(std::size_t size);

}  // namespace culvert::netns
