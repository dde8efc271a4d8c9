// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/netns/harness/host.hpp"

namespace culvert::netns {

/// nginx. It answers GET / with its name, GET /<file> with a file of its root, and stores the body of PUT
/// /upload/<file>.
class HttpServer {
  public:
    /// Listens when the constructor returns. Without addresses, on all addresses.
    HttpServer(const Host& host, std::string name, const std::vector<std::string>& addresses = {}, int port = 80);

    /// Puts a file into its root, for GET /<file>.
    void serve(const std::string& file, std::string_view content) const;
    /// The body of PUT /upload/<file>.
    [[nodiscard]] std::string uploaded(const std::string& file) const;
    /// A line for each request: client's address, server's address, request line, status.
    [[nodiscard]] std::string access_log() const;

  private:
    const Host& host_;
    std::string directory_;
    Process process_;
};

/// dnsmasq, over UDP and TCP. whoami.example TXT is its name, host.example A is 198.51.100.7 and AAAA 2001:db8:53::7.
class DnsServer {
  public:
    DnsServer(const Host& host, const std::string& name, const std::vector<std::string>& addresses = {});

  private:
    Process process_;
};

}  // namespace culvert::netns
