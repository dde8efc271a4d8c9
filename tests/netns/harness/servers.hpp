// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/netns/harness/host.hpp"

namespace culvert::netns {

/// nginx. It answers GET / with its name, GET /<file> with a file of its root, and stores what is PUT to
/// /upload/<file>.
class HttpServer {
  public:
    /// Listens when the constructor returns. Without addresses, on all there are.
    HttpServer(const Host& host, std::string name, const std::vector<std::string>& addresses = {}, int port = 80);

    /// Puts a file into its root, to GET as /<file>.
    void serve(const std::string& file, std::string_view content) const;
    /// What was PUT to /upload/<file>.
    [[nodiscard]] std::string uploaded(const std::string& file) const;
    /// A line a request: client's address, server's address, request line, status.
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
