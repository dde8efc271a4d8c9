// SPDX-License-Identifier: Apache-2.0
#include "lbd/control/control.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

/// A balancer in a thread of its own that answers {"echo": x} with x, and {"later": …} after {"now": x} with x.
class ControlTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = std::filesystem::temp_directory_path() / "culvert-control-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
        auto loop = EventLoop::open();
        ASSERT_TRUE(loop);
        loop_ = std::make_unique<EventLoop>(*std::move(loop));
        auto control = Control::listen(*loop_, path(), [this](const Json& request) -> Answer {
            if (request.contains("echo")) return request["echo"];
            if (request.contains("later")) return Later([this](const auto& tell) { waiting_.push_back(tell); });
            if (request.contains("now")) {
                for (const auto& tell : std::exchange(waiting_, {})) tell(request["now"]);
                return Json::object();
            }
            return tl::unexpected(std::string("nothing to echo"));
        });
        ASSERT_TRUE(control) << control.error().message();
        control_ = *std::move(control);
        auto end = loop_->on_io(stop_[0], EPOLLIN, [this](std::uint32_t) { loop_->stop(); });
        ASSERT_TRUE(end);
        end_ = *std::move(end);
        thread_ = std::thread([this] { EXPECT_TRUE(loop_->run()); });
    }

    void TearDown() override {
        ASSERT_EQ(::write(stop_[1], "x", 1), 1);
        if (thread_.joinable()) thread_.join();
        control_.reset();
        EXPECT_FALSE(std::filesystem::exists(path()));
        std::filesystem::remove_all(directory_);
    }

    [[nodiscard]] std::string path() const { return directory_ / "run" / "lbd.sock"; }

    /// A client that may send anything.
    [[nodiscard]] Fd connect() const {
        Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path().copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        const timeval patience{.tv_sec = 10, .tv_usec = 0};
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        return fd;
    }

    static void say(const Fd& fd, const std::string& text) {
        std::size_t sent = 0;
        while (sent < text.size()) {
            const ssize_t length = ::send(fd.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
            if (length < 0) return;  // it closed the connection
            sent += static_cast<std::size_t>(length);
        }
    }

    static std::string hear(const Fd& fd) {
        std::string text;
        std::array<char, 4096> buffer{};
        ssize_t length = 0;
        while ((length = ::recv(fd.get(), buffer.data(), buffer.size(), 0)) > 0)
            text.append(buffer.data(), static_cast<std::size_t>(length));
        return text;
    }

  private:
    std::filesystem::path directory_;
    std::array<int, 2> stop_ = [] {
        std::array<int, 2> fds{};
        EXPECT_EQ(::pipe(fds.data()), 0);
        return fds;
    }();
    std::unique_ptr<EventLoop> loop_;
    std::unique_ptr<Control> control_;
    EventLoop::Source end_;
    std::thread thread_;
    std::vector<std::function<void(tl::expected<Json, std::string>)>> waiting_;
};

TEST_F(ControlTest, AnswersARequest) {
    EXPECT_EQ(*ask(path(), {{"echo", {1, 2, 3}}}), (Json{1, 2, 3}));
    EXPECT_EQ(*ask(path(), {{"echo", "again"}}), "again");
}

TEST_F(ControlTest, LongAnswersComeWhole) {
    const std::string text(60'000, 'x');
    EXPECT_EQ(*ask(path(), {{"echo", text}}), text);
}

TEST_F(ControlTest, TellsWhatIsWrong) {
    EXPECT_EQ(ask(path(), {{"command", "x"}}).error().message(), "ask lbd: nothing to echo");
    const Fd client = connect();
    say(client, "no JSON\n");
    EXPECT_EQ(hear(client), "{\"error\":\"not a JSON object\"}\n");
}

TEST_F(ControlTest, AnswersLater) {
    const Fd first = connect(), second = connect();
    say(first, "{\"later\":1}\n");
    {
        const Fd gone = connect();
        say(gone, "{\"later\":1}\n");
    }
    say(second, "{\"later\":1}\n");
    const Fd other = connect();  // perhaps with the descriptor of the one that is gone
    say(other, "{\"echo\":2}\n");
    EXPECT_EQ(*ask(path(), {{"echo", 1}}), 1) << "others do not wait";
    EXPECT_EQ(*ask(path(), {{"now", "told"}}), Json::object());
    EXPECT_EQ(hear(first), "{\"ok\":\"told\"}\n");
    EXPECT_EQ(hear(second), "{\"ok\":\"told\"}\n");
    EXPECT_EQ(hear(other), "{\"ok\":2}\n");
}

TEST_F(ControlTest, IsForItsOwnerOnly) {
    struct stat status {};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(ControlTest, HangsUpOnARequestWithoutEnd) {
    const Fd client = connect();
    say(client, std::string(200'000, 'x'));
    EXPECT_EQ(hear(client), "");
    EXPECT_EQ(*ask(path(), {{"echo", 1}}), 1);
}

TEST_F(ControlTest, HangsUpOnASilentClientAndServesOthersMeanwhile) {
    const auto start = std::chrono::steady_clock::now();
    const Fd silent = connect();
    say(silent, "{\"echo\":");
    EXPECT_EQ(*ask(path(), {{"echo", 1}}), 1);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
    EXPECT_EQ(hear(silent), "");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
}

TEST_F(ControlTest, HangsUpOnTheFirstOfMoreThanSixteenClients) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<Fd> silent;
    for (int i = 0; i < 16; ++i) silent.push_back(connect());
    EXPECT_EQ(*ask(path(), {{"echo", 1}}), 1);
    EXPECT_EQ(hear(silent.front()), "");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
}

TEST_F(ControlTest, SurvivesAClientThatLeaves) {
    {
        const Fd client = connect();
        say(client, "{\"echo\": \"" + std::string(50'000, 'x') + "\"}\n");
    }
    EXPECT_EQ(*ask(path(), {{"echo", 1}}), 1);
}

TEST_F(ControlTest, ListensOnce) {
    auto loop = EventLoop::open();
    ASSERT_TRUE(loop);
    const auto second = Control::listen(*loop, path(), {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message(),
              "listen on " + path() + ": Address already in use: another lbd is running (choose another --socket)");
}

TEST(ControlSocket, OneThatWasLeftBehindIsReplaced) {
    const std::string path = std::filesystem::temp_directory_path() / ("culvert-left-" + std::to_string(::getpid()));
    {
        const Fd left(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        ASSERT_EQ(::bind(left.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    EXPECT_EQ(ask(path, {{"echo", 1}}).error().message(),
              "connect to lbd " + path + ": Connection refused (is it running? lbd run -c FILE)");
    auto loop = EventLoop::open();
    ASSERT_TRUE(loop);
    EXPECT_TRUE(Control::listen(*loop, path, {}));
    EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace culvert::lbd
