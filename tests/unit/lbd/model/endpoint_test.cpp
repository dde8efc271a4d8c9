// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/endpoint.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>

namespace culvert::lbd {
namespace {

TEST(Endpoint, IsReadAsItIsWritten) {
    for (const char* text : {"127.0.0.1:9477", "[::1]:9477", "[2001:db8::1]:0", "0.0.0.0:65535"}) {
        const auto endpoint = Endpoint::parse(text);
        ASSERT_TRUE(endpoint) << text;
        EXPECT_EQ(endpoint->to_string(), text);
    }
    for (const char* text : {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "[127.0.0.1]:80",
                             "::1:80", "[::1]", "[]:80", "name:80"})
        EXPECT_FALSE(Endpoint::parse(text)) << text;
}

TEST(Endpoint, IsASocketAddress) {
    const auto [storage4, size4] = Endpoint::parse("192.0.2.1:80")->to_sockaddr();
    sockaddr_in v4{};
    ASSERT_EQ(size4, sizeof v4);
    std::memcpy(&v4, &storage4, sizeof v4);
    EXPECT_EQ(v4.sin_family, AF_INET);
    EXPECT_EQ(ntohs(v4.sin_port), 80);
    EXPECT_EQ(ntohl(v4.sin_addr.s_addr), 0xC0000201U);

    const auto [storage6, size6] = Endpoint::parse("[::1]:443")->to_sockaddr();
    sockaddr_in6 v6{};
    ASSERT_EQ(size6, sizeof v6);
    std::memcpy(&v6, &storage6, sizeof v6);
    EXPECT_EQ(v6.sin6_family, AF_INET6);
    EXPECT_EQ(ntohs(v6.sin6_port), 443);
    EXPECT_TRUE(IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr));
}

}  // namespace
}  // namespace culvert::lbd
