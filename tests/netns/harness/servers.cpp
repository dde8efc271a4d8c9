// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/servers.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>

#include "tests/netns/harness/addresses.hpp"
#include "tests/netns/harness/clients.hpp"

namespace culvert::netns {

namespace {

bool connects(const std::string& address, int port) {
    sockaddr_in v4{
        .sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(port)), .sin_addr = {}, .sin_zero = {}};
    if (inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
        const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        return connect(socket.get(), reinterpret_cast<const sockaddr*>(&v4), sizeof(v4)) == 0;
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = v4.sin_port;
    inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr);
    const FileDescriptor socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return connect(socket.get(), reinterpret_cast<const sockaddr*>(&v6), sizeof(v6)) == 0;
}

bool is_tentative(const Host& host, const std::string& address) {
    in6_addr bytes{};
    if (inet_pton(AF_INET6, address.c_str(), &bytes) != 1) return false;
    std::string digits;
    for (const unsigned char byte : bytes.s6_addr) digits += fmt::format("{:02x}", byte);
    return std::ranges::any_of(inet6_addresses(host),
                               [&](const Inet6Address& one) { return one.digits == digits && one.is_tentative; });
}

/// Nobody can bind to a new IPv6 address before a worker of the kernel has dealt with it.
void wait_until_usable(const Host& host, const std::vector<std::string>& addresses) {
    for (const std::string& address : addresses)
        if (!eventually([&] { return !is_tentative(host, address); }))
            throw std::runtime_error(fmt::format("{}: {} stays tentative", host.name(), address));
}

/// Returns the process when it listens.
Process listening(const Host& host, Process process, const std::vector<std::string>& addresses, int port) {
    const std::string address = addresses.empty() ? "127.0.0.1" : addresses.back();
    bool answers = false;
    host.within([&] { (void)eventually([&] { return (answers = connects(address, port)) || !process.running(); }); });
    if (!answers)
        throw std::runtime_error(
            fmt::format("{}: no server listens on {} port {}:\n{}", host.name(), address, port, process.err()));
    return process;
}

std::string nginx_configuration(const std::string& directory, const std::string& name,
                                const std::vector<std::string>& addresses, int port) {
    std::string listen;
    for (const std::string& address : addresses) listen += fmt::format("listen {}:{};\n", in_url(address), port);
    if (addresses.empty()) listen = fmt::format("listen {0};\nlisten [::]:{0};\n", port);
    return fmt::format(R"(
daemon off;
master_process off;  # one process, which ends with the test
user root;
pid {0}/pid;
error_log stderr;
events {{}}
http {{
    log_format line '$remote_addr $server_addr "$request" $status';
    access_log {0}/access.log line;
    client_max_body_size 64m;
    client_body_temp_path {0}/body;
    proxy_temp_path {0}/proxy;
    fastcgi_temp_path {0}/fastcgi;
    uwsgi_temp_path {0}/uwsgi;
    scgi_temp_path {0}/scgi;
    server {{
        {2}
        root {0}/root;
        location = / {{ return 200 "{1}\n"; }}
        location /upload/ {{ dav_methods PUT; create_full_put_path on; }}
    }}
}}
)",
                       directory, name, listen);
}

Process start_nginx(const Host& host, const std::string& directory, const std::string& name,
                    const std::vector<std::string>& addresses, int port) {
    wait_until_usable(host, addresses);
    const std::string configuration = directory + "/nginx.conf";
    host.write(directory + "/root/.keep", {});
    host.write(configuration, nginx_configuration(directory, name, addresses, port));
    return host.spawn({"nginx", "-e", "stderr", "-p", directory, "-c", configuration});
}

Process start_dnsmasq(const Host& host, const std::string& name, const std::vector<std::string>& addresses) {
    wait_until_usable(host, addresses);
    Arguments arguments{"dnsmasq",
                        "--keep-in-foreground",
                        "--conf-file=/dev/null",
                        "--no-resolv",
                        "--no-hosts",
                        "--user=root",
                        "--pid-file",
                        "--log-facility=-",
                        "--bind-interfaces",
                        "--txt-record=whoami.example," + name,
                        "--host-record=host.example,198.51.100.7,2001:db8:53::7"};
    for (const std::string& address : addresses) arguments.push_back("--listen-address=" + address);
    return host.spawn(arguments);
}

}  // namespace

HttpServer::HttpServer(const Host& host, std::string name, const std::vector<std::string>& addresses, int port)
    : host_(host),
      directory_(fmt::format("/run/nginx-{}", port)),
      process_(listening(host, start_nginx(host, directory_, name, addresses, port), addresses, port)) {}

void HttpServer::serve(const std::string& file, std::string_view content) const {
    host_.write(directory_ + "/root/" + file, content);
}

std::string HttpServer::uploaded(const std::string& file) const {
    return host_.read(directory_ + "/root/upload/" + file);
}

std::string HttpServer::access_log() const { return host_.read(directory_ + "/access.log"); }

DnsServer::DnsServer(const Host& host, const std::string& name, const std::vector<std::string>& addresses)
    : process_(listening(host, start_dnsmasq(host, name, addresses), addresses, 53)) {}

}  // namespace culvert::netns
