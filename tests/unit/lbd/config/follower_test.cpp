// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/follower.hpp"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/fd.hpp"
#include "common/log.hpp"
#include "lbd/plan/plan.hpp"
#include "lbd/reconcile/planner.hpp"
#include "lbd/reload/transaction.hpp"

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;
using netlink::Result;
using testing::HasSubstr;

/// A store of services that notifies its clients of each change.
struct Store {
    ConfigResult content;
    int reads = 0;
    common::Fd changed{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};

    void put(ConfigResult next) {
        content = std::move(next);
        ::eventfd_write(changed.get(), 1);
    }
    void refuse(std::string text) { put(tl::unexpected(ConfigErrors{{"store://services", std::move(text)}})); }
};

class StoreSource final : public ConfigSource {
  public:
    explicit StoreSource(Store& store) : store_(store) {}

    [[nodiscard]] std::string_view name() const override { return "store://"; }
    [[nodiscard]] ConfigResult read() override {
        ++store_.reads;
        return store_.content;
    }
    [[nodiscard]] Result<> watch(common::EventLoop& loop, News news) override {
        TRY(source_, loop.on_io(store_.changed.get(), EPOLLIN, [this, news = std::move(news)](std::uint32_t) {
            eventfd_t count = 0;
            ::eventfd_read(store_.changed.get(), &count);
            news();
        }));
        return {};
    }

  private:
    Store& store_;
    common::EventLoop::Source source_;
};

Service service(int number, std::uint16_t port = 80) {
    return {.name = fmt::format("s{}", number),
            .vip = *IpAddress::parse(fmt::format("192.0.2.{}", number)),
            .ports = {{Protocol::tcp, port}},
            .table_size = 101,
            .backends = {{.name = "b", .address = *IpAddress::parse("10.0.0.1"), .encap = L2{}}}};
}

std::size_t lines_with(const std::string& log, std::string_view word) {
    std::size_t lines = 0;
    for (auto at = log.find(word); at != std::string::npos; at = log.find(word, at + 1)) ++lines;
    return lines;
}

/// New objects each time, as a store sends them.
Config services(int count) {
    Config config{.interfaces = {"eth0"}};
    for (int i = 1; i <= count; ++i) config.services.push_back(service(i));
    return config;
}

/// A balancer whose maps are the planner's image.
class FollowerTest : public testing::Test {
  protected:
    Result<> adopt(Config next) {
        next.services = shared_with(std::move(next.services), written.services);
        come = difference({written.services, {}, {}}, {next.services, {}, {}}).come.size();
        std::optional<Draft> draft;
        const auto plan = [&]() -> Result<> {
            TRY(draft,
                planner.draft({.services = next.services, .hops = {}, .health = {}}, limits_for(planner.image())));
            return {};
        };
        const auto edit = [&]() -> Result<> {
            if (during_adopt) std::exchange(during_adopt, nullptr)();
            if (std::exchange(fails, false)) return netlink::failure("edit", "the maps", ENOMEM);
            planner.take(*std::move(draft));
            written = next;
            return {};
        };
        return run({{.prepare = plan, .commit = edit, .undo = {}}});
    }

    /// An action, and its expected effect within five seconds.
    struct Scene {
        std::function<void()> act;
        std::function<bool()> follows;
    };

    /// Plays one scene after the other, while the follower follows the store.
    void play(std::vector<Scene> scenes) {
        constexpr int ticks = 1'000;
        ASSERT_TRUE(follower.watch(loop));
        std::size_t present = 0;
        int left = ticks;
        common::EventLoop::Source tick;
        tick = *loop.timer([&] {
            if (--left == 0) ADD_FAILURE() << "no effect of scene " << present;
            if (left == 0) return loop.stop();
            if (scenes[present].follows()) {
                left = ticks;
                if (++present == scenes.size()) return loop.stop();
                scenes[present].act();
            }
            tick.arm(5ms);
        });
        scenes.front().act();
        tick.arm(0ms);
        EXPECT_TRUE(loop.run());
    }

    /// The condition, once this time has passed since its first call.
    static std::function<bool()> after(std::chrono::milliseconds time, std::function<bool()> condition) {
        std::optional<std::chrono::steady_clock::time_point> end;
        return [=]() mutable {
            const auto now = std::chrono::steady_clock::now();
            if (!end) end = now + time;
            return now >= *end && condition();
        };
    }

    [[nodiscard]] bool has(const char* name) const { return planner.image().ids.contains(name); }

    common::EventLoop loop = *common::EventLoop::open();
    Store store{.content = services(1)};
    Planner planner{Image{}};
    Config written{.interfaces = {"eth0"}};
    std::size_t come = 0;  // services that the last reload planned
    bool fails = false;
    std::function<void()> during_adopt;
    ConfigFollower follower{std::make_unique<StoreSource>(store),
                            [this](Config next) { return adopt(std::move(next)); }};
};

TEST_F(FollowerTest, NewsBringTheSourceIntoForce) {
    play({{[&] { store.put(services(2)); }, [&] { return has("s2"); }},
          {[&] { store.put(services(3)); }, [&] { return has("s3"); }}});
    EXPECT_EQ(follower.counts().done, 2U);
    EXPECT_EQ(follower.counts().failed, 0U);
    EXPECT_TRUE(follower.counts().last_done);
}

TEST_F(FollowerTest, NewsThatComeTogetherCauseOneReload) {
    play({{[&] {
               for (int count = 1; count <= 5; ++count) store.put(services(count));
           },
           after(200ms, [&] { return has("s5"); })}});
    EXPECT_EQ(store.reads, 1);
}

TEST_F(FollowerTest, OnlyWhatHasChangedIsPlanned) {
    Config changed = services(200);
    changed.services.replace(100, service(101, 443));
    play({{[&] { store.put(services(200)); }, [&] { return written.services.size() == 200 && come == 200; }},
          {[&] { store.put(changed); }, [&] { return written == changed; }}});
    EXPECT_EQ(come, 1U) << "although all objects are new";
}

TEST_F(FollowerTest, ASourceThatCannotBeReadLeavesTheLastGoodServicesAndIsReportedOnce) {
    common::log_to_stderr(common::ColorMode::never);
    testing::internal::CaptureStderr();
    const auto has_failed = [this](std::uint64_t times, int reads) {
        return after(150ms, [=, this] { return follower.counts().failed == times && store.reads == reads; });
    };
    play({{[&] { store.put(services(1)); }, [&] { return has("s1"); }},
          {[&] { store.refuse("cannot be reached: Connection refused"); }, has_failed(1, 2)},
          {[&] { store.refuse("cannot be reached: Connection refused"); }, has_failed(1, 3)},
          {[&] { store.refuse("cannot be reached: Connection timed out"); }, has_failed(2, 4)},
          {[&] {
               EXPECT_TRUE(has("s1"));
               EXPECT_FALSE(follower.counts().last_done);
               store.put(services(2));
           },
           [&] { return has("s2"); }},
          {[&] { store.refuse("cannot be reached: Connection timed out"); }, has_failed(3, 6)}});
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_THAT(log, HasSubstr("reload refused: store://services: cannot be reached: Connection refused\n"));
    EXPECT_EQ(lines_with(log, "Connection refused"), 1U);
    EXPECT_EQ(lines_with(log, "Connection timed out"), 2U);
    EXPECT_THAT(log, HasSubstr("reloaded store://: 2 services\n"));
    EXPECT_TRUE(has("s2"));
}

TEST_F(FollowerTest, ATransactionThatFailsIsTriedAgain) {
    play({{[&] {
               fails = true;
               store.put(services(1));
           },
           [&] { return follower.counts().failed == 1; }},
          {[&] { EXPECT_FALSE(has("s1")); }, [&] { return has("s1"); }}});
    EXPECT_EQ(store.reads, 2);
    EXPECT_EQ(follower.counts().done, 1U);
}

TEST_F(FollowerTest, NewsThatComeDuringAReloadCauseAnother) {
    play({{[&] {
               during_adopt = [&] { store.put(services(2)); };
               store.put(services(1));
           },
           [&] { return has("s1"); }},
          {[] {}, [&] { return has("s2"); }}});
    EXPECT_EQ(follower.counts().done, 2U);
}

TEST_F(FollowerTest, WhoAsksForAReloadGetsItsResultEachTime) {
    EXPECT_EQ(follower.reload(), (Reloaded{.services = 1}));
    store.refuse("no backends");
    for (std::uint64_t time = 1; time <= 2; ++time) {
        const Reloaded result = follower.reload();
        EXPECT_FALSE(result.done());
        ASSERT_EQ(result.refused.size(), 1U);
        EXPECT_EQ(result.refused.front().to_string(), "store://services: no backends");
        EXPECT_EQ(follower.counts().failed, time);
    }
    store.content = services(2);
    fails = true;
    EXPECT_THAT(follower.reload().failed, HasSubstr("edit the maps: Cannot allocate memory"));
    EXPECT_FALSE(has("s2"));
    EXPECT_TRUE(has("s1"));
}

}  // namespace
}  // namespace culvert::lbd
