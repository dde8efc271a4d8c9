// SPDX-License-Identifier: Apache-2.0
// What somebody without the key can do at the port of the cluster: nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "common/fd.hpp"
#include "lbd/cluster/door.hpp"
#include "lbd/cluster/socket.hpp"
#include "lbd/cluster/tls.hpp"
#include "tests/unit/lbd/cluster/mesh.hpp"

namespace culvert::lbd {
namespace {

using common::Fd;
using netlink::IpAddress;

/// A connection to the first member, from an address that is no peer.
Fd stranger(int number = 99) {
    auto socket = connecting_socket(own_loopback(number), {own_loopback(1), cluster_port});
    return socket ? *std::move(socket) : Fd();
}

bool say(const Fd& socket, const std::string& bytes) {
    return ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) == std::ssize(bytes);
}

/// Reads what there is. True if the other end has closed the connection.
bool is_closed(const Fd& socket, std::string* read = nullptr) {
    std::array<char, 4096> bytes{};
    while (true) {
        const ssize_t size = ::recv(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (size == 0 || (size < 0 && errno != EAGAIN)) return true;
        if (size < 0) return false;
        if (read != nullptr) read->append(bytes.data(), static_cast<std::size_t>(size));
    }
}

class Strangers : public testing::Test {
  protected:
    Strangers() {
        first.number = 1;
        second.number = 2;
        story.then([&] { start(first, story.loop(), cluster_of(1, 2)); });
    }
    ~Strangers() override {
        first.mesh.reset();
        second.mesh.reset();
    }
    /// A peer is still heard.
    void expect_that_a_peer_connects() {
        story.then([&] { start(second, story.loop(), cluster_of(2, 2)); }).when("a peer is connected", [&] {
            return first.is_up(2) && second.is_up(1);
        });
    }

    MeshMember first, second;  // outlive the story
    Story story;
};

TEST_F(Strangers, GarbageEndsTheConnection) {
    Fd socket;
    bool said = false;
    story.then([&] { socket = stranger(); })
        .when("it is said", [&] { return said = said || say(socket, std::string(20'000, 'x')); })
        .when("the connection is closed", [&] { return is_closed(socket); });
    expect_that_a_peer_connects();
    story.happens();
    EXPECT_EQ(first.mesh->status().strangers, 1U);
    EXPECT_THAT(first.mesh->status().last_stranger, testing::HasSubstr("TLS"));
}

TEST_F(Strangers, SilenceEndsTheConnectionAfterAWhile) {
    Fd socket;
    story.then([&] { socket = stranger(); }).when("the connection is closed", [&] { return is_closed(socket); });
    story.happens();
    EXPECT_THAT(first.mesh->status().last_stranger, testing::HasSubstr("too long"));
}

/// A TLS client with any settings, which never gets further than the handshake.
struct Client {
    SSL_CTX* context = ::SSL_CTX_new(::TLS_client_method());
    SSL* ssl = nullptr;
    Fd socket = stranger();
    bool failed = false;

    explicit Client(int version = 0) {
        if (version != 0) ::SSL_CTX_set_max_proto_version(context, version);
        ssl = ::SSL_new(context);
        ::SSL_set_fd(ssl, socket.get());
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() {
        ::SSL_free(ssl);
        ::SSL_CTX_free(context);
    }
    [[nodiscard]] bool fails() {
        if (failed) return true;
        const int result = ::SSL_connect(ssl);
        EXPECT_NE(result, 1) << "a handshake without the key";
        const int error = ::SSL_get_error(ssl, result);
        return failed = error == SSL_ERROR_SSL || (error == SSL_ERROR_SYSCALL && errno != ENOTCONN && errno != EAGAIN);
    }
};

TEST_F(Strangers, TlsWithoutTheKeyFails) {
    std::unique_ptr<Client> modern, old;
    story
        .then([&] {
            modern = std::make_unique<Client>();
            old = std::make_unique<Client>(TLS1_2_VERSION);
        })
        .when("both fail", [&] {
            const bool modern_fails = modern->fails();
            return old->fails() && modern_fails;
        });
    expect_that_a_peer_connects();
    story.happens();
    EXPECT_EQ(first.mesh->status().strangers, 2U);
}

TEST_F(Strangers, FloodsKeepNoPeerOut) {
    std::vector<Fd> sockets;
    const auto connect_some = [&] {
        for (int i = 0; i < 20; ++i) sockets.push_back(stranger(100 + static_cast<int>(sockets.size()) % 100));
    };
    story.when("there are 400", [&] {
        connect_some();
        return sockets.size() >= 400;
    });
    expect_that_a_peer_connects();
    story.when("most were closed at once", [&] {
        const auto open = std::ranges::count_if(sockets, [](const Fd& one) { return !is_closed(one); });
        return open <= static_cast<std::ptrdiff_t>(Door::most_strangers);
    });
    story.happens();
    EXPECT_GE(first.mesh->status().strangers, 300U);
}

/// Carries bytes between a member and another that dials it, and keeps what the dialing one has said.
class Wire {
  public:
    Wire(EventLoop& loop, const Endpoint& at, const IpAddress& from, const Endpoint& to) : from_(from), to_(to) {
        listening_ = listening_socket(at).value();
        timer_ = loop.timer([this] { carry(); }).value();
        timer_.arm(std::chrono::milliseconds(0));
    }
    std::string said;  // by the one that dials, on its first connection

  private:
    void carry() {
        timer_.arm(std::chrono::milliseconds(1));
        if (!left_.is_open()) {
            left_ = next_connection(listening_.get()).value();
            if (left_.is_open()) right_ = connecting_socket(from_, to_).value();
            return;
        }
        said += move(left_, right_, to_right_);
        (void)move(right_, left_, to_left_);
    }
    static std::string move(const Fd& from, const Fd& to, std::string& left) {
        std::string read;
        (void)is_closed(from, &read);
        left += read;
        const ssize_t sent = ::send(to.get(), left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) left.erase(0, static_cast<std::size_t>(sent));
        return read;
    }

    IpAddress from_;
    Endpoint to_;
    Fd listening_, left_, right_;
    std::string to_right_, to_left_;
    EventLoop::Source timer_;
};

TEST_F(Strangers, CapturedBytesAreWorthNothing) {
    // The second member dials another port, where the wire begins.
    std::unique_ptr<Wire> wire;
    Fd replay;
    bool said = false;
    Cluster cluster = cluster_of(2, 2);
    cluster.port = cluster_port + 1;
    first.has = {some_records(7)};
    second.has = {some_records(9)};
    story
        .then([&] {
            wire = std::make_unique<Wire>(story.loop(), Endpoint{own_loopback(1), cluster.port}, own_loopback(2),
                                          Endpoint{own_loopback(1), cluster_port});
            start(second, story.loop(), cluster);
        })
        .when("both are connected over it", [&] { return first.is_up(2) && second.is_up(1); })
        .then([&] { replay = stranger(); })
        .when("it is said again", [&] { return said = said || say(replay, wire->said); })
        .when("the connection is closed", [&] { return is_closed(replay); });
    story.happens();
    EXPECT_EQ(first.records(), 9U) << "nothing is taken twice";
    EXPECT_TRUE(first.is_up(2));
    EXPECT_THAT(first.mesh->status().last_stranger, testing::HasSubstr("TLS"));
}

}  // namespace
}  // namespace culvert::lbd
