// SPDX-License-Identifier: Apache-2.0
//
// The state after an apply in which one system call fails, or in which the process is killed there: each call in turn.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "tests/netns/realserver_test.hpp"

namespace culvert::netns {
namespace {

const std::vector<std::string> refusals{std::to_string(EPERM), std::to_string(ENOBUFS), std::to_string(EBUSY),
                                        std::to_string(ENODEV), std::to_string(EINVAL)};
const std::vector<std::string> kills{"kill-before", "kill-after"};

constexpr const char* with_a_tunnel = R"(
balancers: [10.0.0.1]
vips: [192.0.2.1]
receive:
  - {encap: gue, port: 5080}
  - {encap: l3dsr, dscp: 2, vip: 192.0.2.1}
)";

/// Decapsulates without the kernel's tunnels.
constexpr const char* by_xdp = R"(
balancers: [10.0.0.1]
vips: [192.0.2.1]
guard: off
mss: off
receive: [{encap: gue, port: 5080, via: xdp}]
)";

class RealserverFaults : public Realserver {
  protected:
    Output apply_with(int step, const std::string& fault) {
        return host().run(fmt::format(
            "env CULVERT_FAULT={}:{} " CULVERT_REALSERVER_FAULTS " apply -c /run/realserver.yaml", step, fault));
    }

    static bool was_met(const Output& output) { return output.err.find("fault at step") != std::string::npos; }

    /// Tunnel devices that are up, and ports, are guarded by the table.
    bool is_guarded() {
        const bool open =
            !host().run("ip fou show").out.empty() || host().must("ip link show up").find("tunl0") != std::string::npos;
        return !open || host().must("nft list tables").find("inet culvert") != std::string::npos;
    }

    /// After any fault the state is the old one, or the new one, completely. After a kill, the next apply completes it.
    /// Teardown then restores the initial state.
    void try_fault(int step, const std::string& fault, const std::string& former, const std::string& wanted) {
        SCOPED_TRACE(fmt::format("step {}: {}", step, fault));
        std::string before = start_;
        if (!former.empty()) {
            configure(former);
            ASSERT_EQ(realserver("apply").status, 0);
            before = snapshot(host());
        }
        configure(wanted);
        const Output output = apply_with(step, fault);
        met_ = met_ || was_met(output);
        const bool killed = fault.starts_with("kill");
        if (!killed && output.status != 0) {
            EXPECT_EQ(snapshot(host()), before) << output;
            if (before == start_) {
                EXPECT_EQ(files(), "");
                return;
            }
        } else if (killed && was_met(output)) {
            EXPECT_TRUE(is_guarded());
            const Output next = realserver("apply");
            EXPECT_EQ(next.status, 0) << next;
        } else {
            EXPECT_EQ(realserver("plan").status, 0);
        }
        const Output torn_down = realserver("teardown");
        EXPECT_EQ(torn_down.status, 0) << torn_down;
        EXPECT_EQ(snapshot(host()), start_);
        EXPECT_EQ(files(), "");
    }

    std::string files() { return host().must("find /run/culvert /sys/fs/bpf -type f -not -name *.debug"); }

    /// Runs steps from the first to beyond the last. `faults(step)` lists faults. Returns the number of steps.
    template <typename Faults>
    int try_every_step(const Faults& faults, const std::string& former, const std::string& wanted) {
        start_ = snapshot(host());
        for (int step = 1;; ++step) {
            met_ = false;
            for (const std::string& fault : faults(step)) try_fault(step, fault, former, wanted);
            if (!met_ || HasFailure()) return step - 1;
        }
    }

  private:
    std::string start_;  // before anything was applied
    bool met_ = false;   // some fault happened at this step
};

std::vector<std::string> all_of_them(int) {
    std::vector<std::string> faults = refusals;
    faults.insert(faults.end(), kills.begin(), kills.end());
    return faults;
}

std::vector<std::string> in_turn(int step) {
    return {refusals.at(step % refusals.size()), kills.at(step % kills.size())};
}

/// Tunnels need many calls, and the machines that have them are slow.
TEST_F(RealserverFaults, OfEachSystemCall) {
    const bool has_tunnels = !missing_module("ipip") && !missing_module("fou");
    build();
    if (has_tunnels) {
        EXPECT_GE(try_every_step(in_turn, "", with_a_tunnel), 8);
    } else {
        EXPECT_GE(try_every_step(all_of_them, "", without_modules.yaml), 8);
    }
}

/// Many calls: too many for the slow machines that have tunnels.
class RealserverXdpFaults : public RealserverFaults {
  protected:
    void SetUp() override {
        RealserverFaults::SetUp();
        if (!IsSkipped() && !missing_module("ipip")) GTEST_SKIP() << "runs on kernels without tunnels";
    }
};

TEST_F(RealserverXdpFaults, OfEachCallThatLoadsAndAttaches) {
    build();
    EXPECT_GE(try_every_step(in_turn, "", by_xdp), 20);
}

TEST_F(RealserverXdpFaults, WhileOneProgramFollowsAnother) {
    build();
    EXPECT_GE(try_every_step(in_turn, by_xdp, R"(
balancers: [10.0.0.1]
vips: [192.0.2.1]
guard: off
mss: off
receive: [{encap: ipip, via: xdp}]
)"),
              20);
}

TEST_F(RealserverFaults, WhileOneConfigurationFollowsAnother) {
    build();
    EXPECT_GE(try_every_step(in_turn, without_modules.yaml, R"(
vips: [192.0.2.1, 192.0.2.2]
receive: [{encap: l3dsr, dscp: 3, vip: 192.0.2.2}]
)"),
              7);
}

}  // namespace
}  // namespace culvert::netns
