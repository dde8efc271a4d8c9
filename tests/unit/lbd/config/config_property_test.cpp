// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "common/encap.hpp"
#include "lbd/config/file/read.hpp"
#include "tests/unit/lbd/config/random_texts.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;

// ---- A configuration written down is read back as it was ----

std::string checksum_text(UdpChecksum mode) {
    return mode == UdpChecksum::automatic ? "auto" : mode == UdpChecksum::on ? "on" : "off";
}

struct EncapText {
    std::string operator()(const L2& /*encap*/) const { return "{type: l2}"; }
    std::string operator()(const Ipip& /*encap*/) const { return "{type: ipip}"; }
    std::string operator()(const Gre& /*encap*/) const { return "{type: gre}"; }
    std::string operator()(const Fou& encap) const {
        return udp("fou", encap) + fmt::format(", inner: {}}}", encap.gre ? "gre" : "ip");
    }
    std::string operator()(const Gue& encap) const {
        return udp("gue", encap) + fmt::format(", inner: {}, variant: {}}}", encap.gre ? "gre" : "ip", encap.variant);
    }
    std::string operator()(const Geneve& encap) const {
        return udp("geneve", encap) + fmt::format(", vni: {}}}", encap.vni);
    }
    std::string operator()(const L3dsr& encap) const { return fmt::format("{{type: l3dsr, dscp: {}}}", encap.dscp); }

    template <typename UdpEncap>
    static std::string udp(std::string_view type, const UdpEncap& encap) {
        return fmt::format("{{type: {}, port: {}, checksum: {}", type, encap.port, checksum_text(encap.checksum));
    }
};

std::string ports_text(const std::vector<PortSpec>& ports) {
    if (ports.front().port == 0) return "any";
    std::vector<std::string> texts;
    for (const PortSpec& spec : ports) texts.push_back(fmt::format("{}/{}", spec.port, name(spec.protocol)));
    return fmt::format("[{}]", fmt::join(texts, ", "));
}

std::string to_yaml(const Config& config) {
    const std::array modes{"auto", "native", "generic"};
    std::string text = fmt::format("interfaces: [{}]\nxdp: {}\nflows: {{entries: {}, idle: {}ms}}\nservices:\n",
                                   fmt::join(config.interfaces, ", "), modes.at(static_cast<std::size_t>(config.xdp)),
                                   config.flows.entries, config.flows.idle.count());
    if (config.services.empty()) text += "  []\n";
    for (const Service& service : config.services) {
        text += fmt::format(
            "  - name: {}\n    vip: \"{}\"\n    ports: {}\n    table: {}\n    idle: {}ms\n    backends:\n",
            service.name, service.vip.to_string(), ports_text(service.ports), service.table_size, service.idle.count());
        for (const Backend& backend : service.backends)
            text += fmt::format("      - {{name: \"{}\", address: \"{}\", weight: {}, state: {}, encap: {}}}\n",
                                backend.name, backend.address.to_string(), backend.weight,
                                backend.state == BackendState::drain ? "drain" : "active",
                                std::visit(EncapText{}, backend.encap));
    }
    return text;
}

IpAddress host(Family family, int network, int number) {
    return *IpAddress::parse(family == Family::ipv4 ? fmt::format("10.{}.0.{}", network, number)
                                                    : fmt::format("fd00:{}::{}", network, number));
}

rc::Gen<Encap> encaps(bool same_family) {
    return rc::gen::exec([same_family] {
        const auto port = *rc::gen::inRange<std::uint16_t>(1, 65535);
        const auto checksum = *rc::gen::element(UdpChecksum::automatic, UdpChecksum::on, UdpChecksum::off);
        const auto dscp = *rc::gen::inRange<std::uint8_t>(1, 64);
        const auto vni = *rc::gen::inRange<std::uint32_t>(0, 1 << 24);
        std::vector<Encap> possible{L2{},
                                    Ipip{},
                                    Gre{},
                                    Fou{port, checksum},
                                    Fou{port, checksum, true},
                                    Gue{port, checksum},
                                    Gue{port, checksum, true},
                                    Gue{port, checksum, false, 1},
                                    Geneve{vni, port, checksum, common::geneve_mac}};
        if (same_family) possible.emplace_back(L3dsr{dscp});
        return *rc::gen::elementOf(possible);
    });
}

/// Addresses differ between services and between backends, so that none collide.
rc::Gen<Service> any_service(int number) {
    return rc::gen::exec([number] {
        const auto family = rc::gen::element(Family::ipv4, Family::ipv6);
        Service service{.name = fmt::format("service-{}", number), .vip = host(*family, 255, number + 1)};
        for (const auto port : *rc::gen::unique<std::vector<std::uint16_t>>(rc::gen::inRange<std::uint16_t>(1, 65535)))
            service.ports.push_back({*rc::gen::element(Protocol::tcp, Protocol::udp, Protocol::sctp), port});
        if (service.ports.empty()) service.ports = {{Protocol::tcp, 0}, {Protocol::udp, 0}, {Protocol::sctp, 0}};
        service.table_size = *rc::gen::element(1009U, 65537U);
        service.idle = std::chrono::milliseconds(*rc::gen::inRange(1'000, 7'200'001));
        const int backends = *rc::gen::inRange(1, 10);
        for (int i = 0; i < backends; ++i) {
            const IpAddress address = host(*family, number, i + 1);
            service.backends.push_back({.name = *rc::gen::element(address.to_string(), fmt::format("backend-{}", i)),
                                        .address = address,
                                        .encap = *encaps(address.family() == service.vip.family()),
                                        .weight = *rc::gen::arbitrary<std::uint16_t>(),
                                        .state = *rc::gen::element(BackendState::active, BackendState::drain)});
        }
        return service;
    });
}

RC_GTEST_PROP(ConfigRoundTrip, WhatIsWrittenIsReadBack, ()) {
    Config config{.interfaces = {"eth0", "eth1.100"}};
    config.xdp = *rc::gen::element(XdpMode::automatic, XdpMode::native, XdpMode::generic);
    config.flows.entries = 1ULL << *rc::gen::inRange(10, 31);
    config.flows.idle = std::chrono::milliseconds(*rc::gen::inRange(1'000, 7'200'001));
    const int count = *rc::gen::inRange(0, 5);
    for (int i = 0; i < count; ++i) config.services.push_back(*any_service(i));

    const std::string text = to_yaml(config);
    RC_LOG() << text;
    const auto result = read_config("test.yaml", text);
    if (!result) RC_FAIL(result.error().front().to_string());
    RC_ASSERT(result->config == config);
}

// ---- A configuration with slips is refused in good order ----

class Slips {
  public:
    explicit Slips(std::uint32_t seed) : random_(seed) {}

    void make_one(std::string& text) {
        const std::size_t at = below(text.size());
        switch (below(6)) {
            case 0:
                text.erase(at, below(8));
                break;
            case 1:
                text.insert(at, 1, characters_[below(characters_.size())]);
                break;
            case 2:
                text[at] = static_cast<char>(below(256));
                break;
            case 3:
                text.insert(at, words_.at(below(words_.size())));
                break;
            case 4:
                text.insert(at, text.substr(below(text.size()), below(200)));
                break;
            case 5:
                text.resize(at);
                break;
        }
        if (text.empty()) text = "x";
    }

    std::size_t below(std::size_t limit) { return random_() % limit; }

  private:
    static constexpr std::string_view characters_ = " \n\t:-?,[]{}#&*!|>'\"%@`~/\\0189aZ.\r";
    static constexpr std::array words_{
        "services: ", "\n  - ", "null",  "{type: l3dsr, dscp: 2}", "::",
        "\n---\n",    "<<: *x", "!!int", "[[[[[[[[[[[[[[[[[[[[[[", "99999999999999999999"};
    std::mt19937 random_;
};

void expect_good_order(const yaml::Errors& errors, const std::string& text) {
    ASSERT_FALSE(errors.empty()) << text;
    const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
    for (const yaml::Error& error : errors) {
        ASSERT_FALSE(error.text.empty()) << text;
        ASSERT_LE(error.position.line, lines) << error.to_string() << '\n' << text;
        ASSERT_TRUE(std::ranges::none_of(error.text, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) << text;
    }
    const auto positioned =
        std::ranges::subrange(errors.begin(), errors.end() - (errors.back().position.line == 0 ? 1 : 0));
    ASSERT_TRUE(std::ranges::is_sorted(positioned, {}, &yaml::Error::position)) << text;
}

TEST(ConfigSlips, AreRefusedOrHarmlessButNeverACrash) {
    const std::uint32_t texts = random_texts(4'000);
    std::size_t accepted = 0;
    for (const auto* path : {"examples/lbd.yaml", "examples/lbd-minimal.yaml"}) {
        const auto good = yaml::read_file(path);
        ASSERT_TRUE(good);
        for (std::uint32_t seed = 0; seed < texts; ++seed) {
            Slips slips(seed);
            std::string text = *good;
            for (std::size_t count = 1 + slips.below(3); count > 0; --count) slips.make_one(text);
            const auto result = read_config("test.yaml", text);
            if (result)
                ++accepted;
            else
                expect_good_order(result.error(), text);
            if (HasFatalFailure()) return;
        }
    }
    EXPECT_GT(accepted, texts / 100) << "slips in comments are harmless: the mutations do not destroy everything";
}

}  // namespace
}  // namespace culvert::lbd
