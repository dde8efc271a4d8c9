// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include "lbd/capture/directory.hpp"
#include "lbd/capture/filter.hpp"
#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;

Bytes frame(std::string_view to, std::uint16_t port, std::uint8_t protocol = IPPROTO_TCP) {
    return encode({.source = address("198.51.100.9"),
                   .destination = address(to),
                   .protocol = protocol,
                   .source_port = 40000,
                   .destination_port = port});
}

const Directory& directory() {
    static const Directory all(Json::parse(R"([
        {"name": "wide", "vip": "192.0.2.0/24", "ports": ["80/tcp"]},
        {"name": "rest", "vip": "192.0.2.1", "ports": ["any/tcp"]},
        {"name": "web", "vip": "192.0.2.1", "ports": ["80/tcp", "8000-8099/tcp"]},
        {"name": "near", "vip": "192.0.2.2", "ports": ["53/udp"]}])"),
                               Json::parse(R"([
        {"service": "web", "name": "a", "address": "10.0.0.3", "encap": {"type": "gue", "port": 5080}, "interface": "eth1"},
        {"service": "near", "name": "b", "address": "10.0.0.4", "encap": {"type": "l2"}, "mac": "00:00:00:00:00:00"}])"));
    return all;
}

Captured captured(const Bytes& in, std::uint32_t verdict, const Bytes& out = {}) {
    Captured packet;
    packet.in = in;
    packet.out = out;
    packet.verdict = verdict;
    return packet;
}

std::string service_of(std::string_view to, std::uint16_t port) {
    return directory().decide(captured(frame(to, port), XDP_DROP)).service;
}

TEST(CaptureDirectory, FramesThatNoDriverTook) {
    EXPECT_EQ(
        describe({.frames = 12, .error = ENXIO}, "eth1"),
        "12 frames not sent by eth1: not_sent: the outgoing interface did not accept the frame from XDP (No such "
        "device or address)");
    EXPECT_EQ(describe({.frames = 1}, ""),
              "1 frame not sent: not_sent: the outgoing interface did not accept the frame from XDP");
}

TEST(CaptureDirectory, TheServiceOfAPacket) {
    EXPECT_EQ(service_of("192.0.2.1", 80), "web");
    EXPECT_EQ(service_of("192.0.2.1", 8050), "web");
    EXPECT_EQ(service_of("192.0.2.1", 8100), "rest");
    EXPECT_EQ(service_of("192.0.2.9", 80), "wide");
    EXPECT_EQ(service_of("192.0.2.9", 81), "");
    EXPECT_EQ(service_of("198.51.100.1", 80), "");
    EXPECT_TRUE(directory().is_for_vip(frame("192.0.2.9", 81)));
    EXPECT_FALSE(directory().is_for_vip(frame("198.51.100.1", 80)));
}

TEST(CaptureDirectory, WhatBecameOfIt) {
    const Bytes in = frame("192.0.2.1", 80);
    EXPECT_EQ(directory().decide(captured(in, XDP_REDIRECT, frame("10.0.0.3", 5080, IPPROTO_UDP))),
              (Decision{"web", "eth1", "sent to web a (gue 5080)"}));
    const Bytes dns = frame("192.0.2.2", 53, IPPROTO_UDP);
    EXPECT_EQ(directory().decide(captured(dns, XDP_TX, dns)), (Decision{"near", "", "sent to near b (l2)"}));
    EXPECT_EQ(directory().decide(captured(in, XDP_PASS)).text, "passed to the kernel");
    Captured dropped = captured(in, XDP_DROP);
    dropped.reason = LB_DROP_NO_ROUTE;
    EXPECT_EQ(directory().decide(dropped).text, "dropped: no_route: no route to the backend");
    Captured ping = captured(frame("192.0.2.1", 0, IPPROTO_ICMP), XDP_TX);
    ping.event = LB_EVENT_ECHO;
    EXPECT_EQ(directory().decide(ping).text, "answered: echo requests to a VIP answered");
}

TEST(CaptureFilter, AsForTcpdump) {
    const Bytes web = frame("192.0.2.1", 80);
    const auto matches = [&](const std::string& expression) {
        return Filter::compile(expression)->matches(web, static_cast<std::uint32_t>(web.size()));
    };
    EXPECT_TRUE(matches(""));
    EXPECT_TRUE(matches("tcp and dst host 192.0.2.1"));
    EXPECT_FALSE(matches("udp or port 81"));
    EXPECT_EQ(Filter::compile("tcp adn").error(), "can't parse filter expression: syntax error");
}

}  // namespace
}  // namespace culvert::lbd
