// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/netns/harness/netns_test.hpp"

/// A working backend is broken in one way after the other. Each time `realserver check` names exactly that fault, and a
/// shell runs its cure word for word. Then the backend works again.
///
///   client ────────── router ────────── backend ── a web server on the VIPs
///  198.51.100.9      10.0.0.1          10.0.0.3    192.0.2.1
///  2001:db8:9::9     fd00::1           fd00::3     2001:db8::1
///
/// The router sends packets for the VIPs to the backend without encapsulation.
namespace culvert::netns {

/// One way of breaking a backend.
struct Breakage {
    std::string finding;     ///< the only finding of check then
    std::string act;         ///< for sh -c
    std::string evidence{};  ///< a part of its text
    /// For sh -c: carries out the advice, if check has no command.
    std::string by_hand{};
    std::string after{};              ///< for sh -c: removes what the cure leaves, or restores what was lost
    std::vector<std::string> also{};  ///< findings that appear and vanish with it
};

class CheckTest : public NetnsTest {
  protected:
    using json = nlohmann::json;

    static constexpr const char* vip4 = "192.0.2.1";
    static constexpr const char* vip6 = "2001:db8::1";

    void build(const std::string& receive, const std::string& more = "") {
        client_.emplace("client");
        router_.emplace("router");
        backend_.emplace("backend");
        connect({*client_, "eth0", {"198.51.100.9/24", "2001:db8:9::9/64"}},
                {*router_, "eth1", {"198.51.100.1/24", "2001:db8:9::1/64"}});
        connect({*router_, "eth0", {"10.0.0.1/24", "fd00::1/64"}}, {*backend_, "eth0", {"10.0.0.3/24", "fd00::3/64"}});
        client_->ip("route add default via 198.51.100.1\nroute add default via 2001:db8:9::1\n");
        router_->set_sysctl("net.ipv4.ip_forward", "1");
        router_->set_sysctl("net.ipv6.conf.all.forwarding", "1");
        router_->ip(fmt::format("route add {} via 10.0.0.3\nroute add {} via fd00::3\n", vip4, vip6));
        backend_->ip("route add default via 10.0.0.1\nroute add default via fd00::1\n");
        backend_->must("mount -t tmpfs none /etc/sysctl.d");  // cures may write there
        configure(receive, more);
    }

    void configure(const std::string& receive, const std::string& more = "") {
        backend_->write("/run/realserver.yaml", fmt::format("balancers: [10.0.0.1, 'fd00::1']\n"
                                                            "vips: [{}, '{}']\n"
                                                            "receive: [{}]\n"
                                                            "{}",
                                                            vip4, vip6, receive, more));
    }

    void apply() { sh(apply_again); }

    /// The findings of check.
    json findings() {
        const Output output = backend_->run(
            fmt::format("env PATH={} {} check -j -c /run/realserver.yaml", path_, program(CULVERT_REALSERVER)));
        const json said = json::parse(output.out, nullptr, false);
        if (said.is_discarded()) throw std::runtime_error("check: " + output.err);
        EXPECT_EQ(output.status, said.at("in_order") ? 0 : 3);
        return said.at("findings");
    }

    static std::vector<std::string> names(const json& findings) {
        std::vector<std::string> result;
        for (const json& finding : findings) result.push_back(finding.at("name"));
        return result;
    }

    void expect_in_order() {
        const json found = findings();
        EXPECT_THAT(names(found), testing::IsEmpty()) << found.dump(2);
    }

    /// Each breakage is the only finding, and its cure removes it. `answers` tests whether requests are answered then.
    void expect_cured(const std::vector<Breakage>& breakages) {
        for (const Breakage& one : breakages) {
            SCOPED_TRACE(one.act);
            sh(one.act);
            const json found = findings();
            std::set<std::string> expected(one.also.begin(), one.also.end());
            expected.insert(one.finding);
            const auto seen = names(found);
            ASSERT_EQ(std::set<std::string>(seen.begin(), seen.end()), expected) << found.dump(2);
            EXPECT_THAT(found.dump(), testing::HasSubstr(one.evidence));
            cure(found, one);
            sh(one.after);
            const json left = findings();
            ASSERT_THAT(names(left), testing::IsEmpty()) << found.dump(2) << left.dump(2);
            answers();
        }
    }

    /// Its cure removes that finding, whatever else is found.
    void expect_cure_of(const std::string& finding, const std::string& act) {
        SCOPED_TRACE(act);
        sh(act);
        const json found = findings();
        EXPECT_THAT(names(found), testing::Contains(finding)) << found.dump(2);
        cure(found, {.finding = finding, .act = act});
        const json left = findings();
        EXPECT_THAT(names(left), testing::Not(testing::Contains(finding))) << found.dump(2) << left.dump(2);
    }

    /// There is only one finding of this name, and none after its advice has been followed.
    void expect_advised(const std::string& finding, const std::function<void()>& what_it_advises) {
        const json found = findings();
        EXPECT_THAT(names(found), testing::AllOf(testing::Not(testing::IsEmpty()), testing::Each(finding)))
            << found.dump(2);
        for (const json& one : found) {
            EXPECT_EQ(one.at("cure"), "");
            EXPECT_NE(one.at("advice"), "");
        }
        what_it_advises();
        expect_in_order();
    }

    /// Clients are served; for tests in which the router can send the packets.
    virtual void answers() {}

    void sh(const std::string& script) {
        if (script.empty()) return;
        const Output output = backend_->run(Arguments{"sh", "-ec", script});
        if (!output.ok()) throw std::runtime_error(fmt::format("{}\n{}{}", script, output.out, output.err));
    }

    /// The directories in which check finds other programs.
    void set_path(const std::string& path) { path_ = path; }

    [[nodiscard]] const Host& backend() const { return *backend_; }
    [[nodiscard]] const Host& router() const { return *router_; }
    [[nodiscard]] const Host& client() const { return *client_; }

    static inline const std::string apply_again = "realserver apply -c /run/realserver.yaml >/dev/null";

  private:
    void cure(const json& found, const Breakage& one) {
        bool advised = false;
        std::set<std::string> done;
        for (const json& finding : found) {
            if (finding.at("name") != one.finding) continue;
            const std::string command = finding.at("cure");
            if (!command.empty() && done.insert(command).second) sh(command);
            if (!command.empty()) continue;
            EXPECT_NE(finding.at("advice"), "") << "has neither a cure nor an advice: " << finding;
            advised = true;
        }
        EXPECT_EQ(advised, !one.by_hand.empty()) << "exactly the findings with an advice are cured by hand: " << found;
        if (advised) sh(one.by_hand);
    }

    std::optional<Host> client_, router_, backend_;
    std::string path_ = std::getenv("PATH");
};

/// A chain of another program.
inline std::string nft(const std::string& hook, const std::string& rule, const std::string& policy = "accept") {
    return fmt::format("nft 'table inet theirs {{ chain c {{ type {}; policy {}; {}; }}; }}'", hook, policy, rule);
}
inline const std::string flush = "nft delete table inet theirs";

}  // namespace culvert::netns
