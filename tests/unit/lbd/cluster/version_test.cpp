// SPDX-License-Identifier: Apache-2.0
// Balancers are upgraded one at a time, so a peer may have a later version.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "lbd/cluster/channel.hpp"
#include "lbd/cluster/message.hpp"
#include "lbd/cluster/tls.hpp"
#include "tests/unit/lbd/cluster/mesh.hpp"

namespace culvert::lbd {
namespace {

/// Appends to a message what a later version has there.
std::shared_ptr<const std::string> longer(const Message& message) {
    std::string bytes = encode(message) + "later fields";
    const std::size_t length = bytes.size() - length_bytes;
    for (std::size_t i = 0; i < length_bytes; ++i) bytes[i] = static_cast<char>(length >> 8 * (length_bytes - 1 - i));
    return std::make_shared<const std::string>(std::move(bytes));
}

class Versions : public testing::Test {
  protected:
    Versions() {
        first.number = 1;
        story.then([this] { start(first, story.loop(), cluster_of(1, 2)); });
    }
    ~Versions() override {
        channel_.reset();
        first.mesh.reset();
    }

    /// The second member dials the first one and says hello with these versions. The instance lets it choose.
    void say_hello(std::uint16_t oldest, std::uint16_t newest) {
        story.then([this, oldest, newest] {
            channel_ = Channel::connect(story.loop(), *tls_, own_loopback(2), {own_loopback(1), cluster_port}).value();
            channel_->set_calls({.opened =
                                     [this, oldest, newest] {
                                         channel_->send(longer(Hello{.oldest = oldest,
                                                                     .newest = newest,
                                                                     .instance = 1,
                                                                     .from = own_loopback(2),
                                                                     .name = "lb2",
                                                                     .version = "9",
                                                                     .hash_key = "01234567",
                                                                     .flow_entries = 1024}));
                                     },
                                 .received = [this](const Message& message) { hear(message); },
                                 .drained = [] {},
                                 .closed = [this](const std::string& /*reason*/) { is_refused_ = true; }});
            channel_->accept_messages_up_to(most_message_bytes);
        });
    }

    MeshMember first;
    Story story;
    bool is_refused_ = false;
    std::unique_ptr<Channel> channel_;

  private:
    void hear(const Message& message) {
        if (!std::holds_alternative<Hello>(message) || channel_->is_closed()) return;
        channel_->send(longer(Chosen{}));
        channel_->send(longer(Views{.anew = true, .whole = true, .views = {}, .gone = {}}));
        channel_->send(std::make_shared<const std::string>(std::string("\x00\x00\x00\x06\x01\xf4what", 10)));
        channel_->send(longer(some_records(5)));
        channel_->send(longer(AllSent{}));
    }

    std::unique_ptr<TlsContext> tls_ = TlsContext::make(some_key()).value();
};

TEST_F(Versions, ALaterOneThatSpeaksThisOneTooIsUnderstood) {
    say_hello(newest_version, newest_version + 1);
    story.when("it has said everything", [&] { return first.is_up(2); });
    story.happens();
    EXPECT_EQ(first.records(), 5U);
    EXPECT_EQ(first.peer(2).version, "9");
}

TEST_F(Versions, OneWithoutACommonVersionIsRefused) {
    say_hello(newest_version + 1, newest_version + 2);
    story.when("it is refused", [&] { return is_refused_; });
    story.happens();
    EXPECT_THAT(first.mesh->status().last_stranger, testing::HasSubstr("it speaks versions"));
    EXPECT_FALSE(first.is_up(2));
}

}  // namespace
}  // namespace culvert::lbd
