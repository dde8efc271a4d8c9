// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/clients.hpp"

#include <fmt/format.h>

#include <random>
#include <sstream>
#include <stdexcept>

namespace culvert::netns {

namespace {

constexpr const char* curl = "curl --silent --show-error --fail --globoff --noproxy * --max-time 15";

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

std::string unquoted(const std::string& text) {
    return text.size() >= 2 && text.starts_with('"') ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

std::string in_url(const std::string& address) {
    return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

std::string http_get(const Host& client, const std::string& address, const std::string& path) {
    return client.must(fmt::format("{} http://{}{}", curl, in_url(address), path));
}

std::vector<std::string> http_get_many(const Host& client, const std::string& address, int count) {
    std::string requests = "header = \"Connection: close\"\n";
    for (int i = 0; i < count; ++i) requests += fmt::format("url = \"http://{}/\"\n", in_url(address));
    return lines_of(client.must(fmt::format("{} --config -", curl), requests));
}

void http_put(const Host& client, const std::string& address, const std::string& file, std::string_view content) {
    (void)client.must(fmt::format("{} --upload-file - http://{}/upload/{}", curl, in_url(address), file), content);
}

std::string dns_whoami(const Host& client, const std::string& address, Transport transport) {
    const std::string output = client.must(fmt::format("dig +short +tries=2 +timeout=5 {} @{} whoami.example TXT",
                                                       transport == Transport::tcp ? "+tcp" : "+notcp", address));
    const auto lines = lines_of(output);
    if (lines.size() != 1) throw std::runtime_error("dig: expected one answer, got: " + output);
    return unquoted(lines.front());
}

std::vector<std::string> dns_whoami_many(const Host& client, const std::string& address, int count) {
    std::string queries;
    for (int i = 0; i < count; ++i)
        queries += fmt::format("+short +tries=2 +timeout=5 @{} whoami.example TXT\n", address);
    std::vector<std::string> answers;
    for (const std::string& line : lines_of(client.must("dig -f -", queries))) answers.push_back(unquoted(line));
    return answers;
}

std::string noise(std::size_t size) {
    std::mt19937 generator(static_cast<std::mt19937::result_type>(size));
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(generator() & 0xff);
    return bytes;
}

}  // namespace culvert::netns
