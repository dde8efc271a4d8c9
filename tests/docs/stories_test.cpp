// SPDX-License-Identifier: Apache-2.0
//
// Runs the commands of a page, from the first to the last, between the hosts that it describes.
//
//   client 10.0.0.1 ──┐
//   lb1    10.0.0.2 ──┤
//   b1     10.0.0.3 ──┼── switch ── router 10.0.0.254        VIP 192.0.2.1
//   b2     10.0.0.4 ──┘
#include <gmock/gmock.h>

#include <filesystem>
#include <limits>
#include <map>
#include <regex>
#include <set>

#include "tests/docs/page.hpp"
#include "tests/netns/harness/netns_test.hpp"

namespace culvert::docs {
namespace {

using netns::Host;
using netns::Output;
using netns::Process;

/// Gives a host its own /etc: links to the real one, except /etc/culvert.
void give_own_etc(const Host& host) {
    host.must(
        "bash -ec 'mkdir /run/etc; mount --bind /etc /run/etc; mount -t tmpfs tmpfs /etc; ln -s /run/etc/* /etc/; "
        "rm -f /etc/culvert; mkdir /etc/culvert'");
}

class Story {
  public:
    Story() {
        std::vector<netns::Port> ports;
        int address = 0;
        for (const char* name : {"client", "lb1", "b1", "b2"}) {
            const Host& host = hosts_.try_emplace(name, name).first->second;
            give_own_etc(host);
            ports.push_back({host, "eth0", {"10.0.0." + std::to_string(++address) + "/24"}});
        }
        ports.push_back({router_, "eth0", {"10.0.0.254/24"}});
        lan_.connect(ports);
        for (const auto& [name, host] : hosts_) host.ip("route add default via 10.0.0.254\n");
    }

    /// Runs all fences of a page that have a host, in order, up to a heading.
    void tell(const Page& page, const std::string& until = {}) {
        int end = std::numeric_limits<int>::max();
        for (const Mark& heading : page.headings)
            if (anchor_of(heading.text) == until) end = heading.line;
        ASSERT_TRUE(until.empty() || end < std::numeric_limits<int>::max()) << page.path << " has no " << until;
        for (const Fence& fence : page.fences) {
            if (fence.line > end) break;
            for (const std::string& name : fence.list("host")) {
                SCOPED_TRACE(fence.where() + " on " + name);
                const auto host = hosts_.find(name);
                ASSERT_NE(host, hosts_.end());
                tell(fence, host->second);
                if (testing::Test::HasFailure()) return;
            }
        }
    }

    [[nodiscard]] int told() const { return told_; }
    /// The features that this kernel lacks, in the words of the commands that failed.
    [[nodiscard]] const std::string& lacks() const { return lacks_; }

  private:
    void tell(const Fence& fence, const Host& host) {
        ++told_;
        if (fence.language == "yaml") {
            host.write(fence.text.substr(2, fence.text.find('\n') - 2), fence.text);
            return;
        }
        const netns::Arguments command{"bash", "-ec", fence.text};
        if (const auto words = fence.attribute("stays"); !words.empty()) {
            // exec makes the last command the process, so that signals reach it.
            stays_.push_back(host.spawn({"bash", "-ec", "exec " + fence.text}));
            stays_.back().wait_for(words);
        } else if (const auto pattern = fence.attribute("until"); !pattern.empty()) {
            Output output;
            EXPECT_TRUE(netns::eventually([&] {
                output = host.run(command);
                return std::regex_search(output.out, std::regex(pattern));
            })) << output;
        } else {
            look_at(host.run(command), fence);
        }
    }

    void look_at(const Output& output, const Fence& fence) {
        const auto needed = fence.attribute("needs");
        if (!needed.empty() && !output.ok() && output.err.find(needed) != std::string::npos) {
            lacks_ += fence.where() + ": " + output.err;
            return;
        }
        const auto status = fence.attribute("status");
        EXPECT_EQ(output.status, status.empty() ? 0 : std::stoi(status)) << output;
        const auto expected = fence.list("witness");
        if (expected.empty()) return;
        std::vector<std::string> answered;
        for (const auto* backend : {"b1", "b2"})
            if (output.out.find(backend) != std::string::npos) answered.emplace_back(backend);
        EXPECT_EQ(answered, expected) << output;
    }

    std::map<std::string, Host> hosts_;
    Host router_{"router"};
    netns::Switch lan_;
    std::vector<Process> stays_;
    int told_ = 0;
    std::string lacks_;
};

class Stories : public netns::NetnsTest {
  protected:
    /// A page may continue the story of another page: that page runs first, up to the heading that it names.
    static void tell(const std::string& path) {
        for (const char* program : {"python3", "curl"}) REQUIRE_PROGRAM(program);
        const Page page = read_page(path);
        Story story;
        if (!page.story.empty()) {
            const auto hash = page.story.find('#');
            const auto folder = std::filesystem::path(path).parent_path();
            story.tell(read_page((folder / page.story.substr(0, hash)).string()), page.story.substr(hash));
        }
        if (HasFailure()) return;
        const int before = story.told();
        story.tell(page);
        EXPECT_GE(story.told() - before, 3);
        if (!HasFailure() && !story.lacks().empty()) GTEST_SKIP() << story.lacks();
    }
};

TEST_F(Stories, Quickstart) { tell("docs/quickstart.md"); }
TEST_F(Stories, Balancers) { tell("docs/balancers.md"); }
TEST_F(Stories, Backends) { tell("docs/backends.md"); }
TEST_F(Stories, Operating) { tell("docs/operate.md"); }
TEST_F(Stories, Cluster) { tell("docs/cluster.md"); }

TEST_F(Stories, AreOfAllPagesThatNameHosts) {
    const std::set<std::string> told{"docs/quickstart.md", "docs/balancers.md", "docs/backends.md", "docs/operate.md",
                                     "docs/cluster.md"};
    for (const Page& page : all_pages())
        for (const Fence& fence : page.fences)
            EXPECT_TRUE(fence.attribute("host").empty() || told.contains(page.path)) << fence.where();
}

}  // namespace
}  // namespace culvert::docs
