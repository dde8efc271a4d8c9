// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/incremental.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/lbd/config/random_texts.hpp"

namespace culvert::lbd {
namespace {

std::string item(int number, std::string_view more = "") {
    return fmt::format(
        "  - name: s{0}\n    vip: 192.0.2.{0}\n    ports: [80/tcp]\n    backends:\n      - {{address: "
        "10.0.0.{0}}}\n{1}",
        number, more);
}

std::string file_of(const std::vector<std::string>& items, std::string_view tail = "") {
    std::string text = "interfaces: [eth0]\ndefaults: {encap: {type: ipip}, table: 1009}\nservices:\n";
    for (const std::string& one : items) text += one;
    return text.append(tail);
}

SharedReading read(const std::string& text) {
    auto reading = read_config("a.yaml", text);
    EXPECT_TRUE(reading) << reading.error().front().to_string();
    return std::make_shared<const Reading>(reading ? *std::move(reading) : Reading{});
}

/// The number of services that the second text shares with the first, if it is read again after it. Checks that the
/// result is the same as on a first reading.
std::size_t shared_after(const std::string& first, const std::string& second) {
    const SharedReading before = read(first);
    const auto again = read_again("a.yaml", second, before);
    EXPECT_TRUE(again) << second;
    if (!again) return 0;
    EXPECT_EQ(**again, *read(second));
    std::size_t shared = 0;
    for (const auto& service : (*again)->config.services.shared())
        shared += static_cast<std::size_t>(std::ranges::count(before->config.services.shared(), service));
    return shared;
}

template <typename Read>
std::string errors_of(const common::yaml::Result<Read>& reading) {
    std::string text;
    if (!reading)
        for (const auto& error : reading.error()) text += error.to_string() + '\n';
    return text;
}

const std::vector<std::string> five{item(1), item(2), item(3), item(4), item(5)};

TEST(ReadAgain, TheSameTextIsTheSameConfiguration) {
    const SharedReading before = read(file_of(five));
    EXPECT_EQ(read_again("a.yaml", file_of(five), before), before);
}

TEST(ReadAgain, OnlyWhatHasChangedIsAnother) {
    for (const std::size_t changed : {0U, 2U, 4U})
        for (const std::string_view tail : {"", "# the end\n", "metrics: off\n"}) {
            auto items = five;
            items[changed] = item(static_cast<int>(changed) + 1, "      - {address: 10.0.0.99, weight: 3}\n");
            EXPECT_EQ(shared_after(file_of(five, tail), file_of(items, tail)), 4U) << changed << tail;
            items = five;
            items.erase(items.begin() + static_cast<std::ptrdiff_t>(changed));
            EXPECT_EQ(shared_after(file_of(five, tail), file_of(items, tail)), 4U) << changed << tail;
            EXPECT_EQ(shared_after(file_of(items, tail), file_of(five, tail)), 4U) << changed << tail;
            std::swap(items[0], items[3]);
            EXPECT_EQ(shared_after(file_of(five, tail), file_of(items, tail)), 4U) << changed << tail;
        }
}

TEST(ReadAgain, AFewServicesAreReadTheQuickWay) {
    const SharedReading before = read(file_of(five, "metrics: off\n"));
    auto items = five;
    items[2] = item(7);
    EXPECT_TRUE(read_changed(file_of(items, "metrics: off\n"), *before));
    EXPECT_FALSE(read_changed(file_of(items, "metrics: on\n"), *before));
    items[2] = item(2);
    EXPECT_FALSE(read_changed(file_of(items, "metrics: off\n"), *before)) << "a conflict";
}

TEST(ReadAgain, WhatConcernsAllIsReadForAll) {
    std::string text = file_of(five);
    text.replace(text.find("ipip"), 4, "gre");
    EXPECT_EQ(shared_after(file_of(five), text), 0U);
    EXPECT_EQ(shared_after(file_of(five), file_of(five, "pools: {a: [{address: 10.0.0.1}]}\n")), 5U);
}

TEST(ReadAgain, ServicesInOtherShapesAreReadWhole) {
    const std::string flow =
        "interfaces: [eth0]\nservices: [{name: a, vip: 192.0.2.1, ports: any, encap: {type: l2}, "
        "backends: [{address: 10.0.0.2}], table: 101}]\n";
    EXPECT_TRUE(read(flow)->marks.empty());
    EXPECT_EQ(shared_after(flow, flow + "metrics: off\n"), 1U);
}

TEST(ReadAgain, AConflictWithAServiceThatStaysIsReported) {
    const SharedReading before = read(file_of(five));
    const std::array conflicts{
        item(2),                                                       // name, VIP and port
        item(9, "      - {address: 192.0.2.5}\n"),                     // a backend that is a VIP
        item(9, "      - {address: 10.0.0.5, encap: {type: gre}}\n"),  // no conflict: it can tell the two apart
        std::string("  - {name: x, vip: 10.0.0.5, ports: any, backends: [{address: 10.0.0.8}]}\n"),
        std::string("  - {name: x, vip: 10.0.0.0/24, ports: any, backends: [{address: 10.1.0.8}]}\n"),
        std::string("  - {name: x, vip: 192.0.2.5, ports: [80-90/tcp], backends: [{address: 10.1.0.8}]}\n"),
    };
    for (const std::string& conflict : conflicts) {
        auto items = five;
        items[0] = conflict;
        const std::string text = file_of(items);
        EXPECT_EQ(errors_of(read_again("a.yaml", text, before)), errors_of(read_config("a.yaml", text))) << text;
    }
}

/// Changes a text at random, mostly by lines.
class Editor {
  public:
    explicit Editor(std::uint32_t seed) : random_(seed) {}

    std::string edit(std::string text) {
        for (std::size_t count = 1 + below(2); count > 0; --count) edit_once(text);
        return text;
    }

  private:
    std::size_t below(std::size_t limit) { return random_() % limit; }

    /// The start of a random line.
    std::size_t line(const std::string& text) {
        const auto end = text.find('\n', below(text.size()));
        return end == std::string::npos ? text.size() : end + 1;
    }

    void edit_once(std::string& text) {
        const std::size_t at = line(text);
        const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
        const std::string old = text.substr(std::min(at, text.size()), end > at ? end - at : 0);
        switch (below(8)) {
            case 0:
                text.insert(at, item(static_cast<int>(below(12)) + 1));
                break;
            case 1:
                text.insert(at, pieces_.at(below(pieces_.size())));
                break;
            case 2:
                text.erase(std::min(at, text.size()), old.size());
                break;
            case 3:
                text.insert(line(text), old);
                break;
            case 4:
                if (const auto digit = text.find_first_of("0123456789", at); digit != std::string::npos)
                    text[digit] = static_cast<char>('0' + below(10));
                break;
            case 5:
                text.insert(below(text.size()), 1, characters_[below(characters_.size())]);
                break;
            case 6:
                text.erase(below(text.size()), 1 + below(4));
                break;
            default:
                if (const auto next = text.find("  - name", at); next != std::string::npos) {
                    const auto after = std::min(text.find("  - name", next + 1), text.size());
                    const std::string moved = text.substr(next, after - next);
                    text.erase(next, after - next);
                    text.insert(std::min(line(text), text.size()), moved);
                }
        }
        if (text.empty()) text = "x";
    }

    static constexpr std::string_view characters_ = " \n\t:-,[]{}#&*|>'\"%\r.";
    static constexpr std::array pieces_{"# a comment\n",
                                        "\n",
                                        "      - {address: 10.0.3.1, weight: 2}\n",
                                        "      - address: 10.0.3.2\n",
                                        "---\n",
                                        "...\n",
                                        "pools:\n  p: [{address: 10.0.0.77}]\n",
                                        "metrics: off\n",
                                        "defaults: {table: 503}\n",
                                        "    sticky: true\n",
                                        "    idle: 5s\n",
                                        "    health: {type: http, match: |\n",
                                        "    health:\n      type: tcp\n",
                                        "  - &a {name: x}\n",
                                        "  - *a\n",
                                        "  - {name: x, vip: 198.51.100.0/24, ports: any, backends: [\n",
                                        "      {address: 10.0.3.3}]}\n",
                                        "\t- x\n",
                                        "- name: y\n",
                                        "  -\n    name: z\n",
                                        "services:\n",
                                        "\r\n",
                                        "    table: 101\n",
                                        "    encap: {type: l3dsr, dscp: 2}\n",
                                        "    encap: {type: fou, port: 5004}\n"};
    std::mt19937 random_;
};

TEST(ReadAgain, AnyChangeGivesWhatReadingAllOfItGives) {
    std::size_t taken = 0;
    std::size_t quick = 0;
    const std::uint32_t texts = random_texts(1'000);
    for (const std::string_view tail : {"", "metrics: off\npools: {p: [{address: 10.0.9.1}]}\n"})
        for (std::uint32_t seed = 0; seed < texts; ++seed) {
            Editor editor(seed);
            SharedReading before = read(file_of(five, tail));
            for (int step = 0; step < 3; ++step) {
                const std::string text = editor.edit(before->text);
                auto again = read_again("a.yaml", text, before);
                const auto whole = read_config("a.yaml", text);
                ASSERT_EQ(errors_of(again), errors_of(whole)) << before->text << "-----\n" << text;
                if (!whole) continue;
                ASSERT_EQ(**again, *whole) << before->text << "-----\n" << text;
                ++taken;
                quick += read_changed(text, *before) ? 1 : 0;
                before = *std::move(again);
            }
        }
    EXPECT_GT(taken, texts / 2) << "the changes do not destroy everything";
    EXPECT_GT(quick, taken / 2) << "and most are in services";
}

}  // namespace
}  // namespace culvert::lbd
