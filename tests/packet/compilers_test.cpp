// SPDX-License-Identifier: Apache-2.0
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "bpf/abi.h"
#include "bpf/decap_abi.h"
#include "capture.skel.h"
#include "lb.skel.h"
#include "probe.skel.h"
#include "tests/packet/balancer.hpp"
#include "tests/packet/decapsulator.hpp"
#include "tests/packet/object.hpp"
#include "tests/packet/switches.hpp"
#include "trace.skel.h"

/// The programs from different compilers: the verifier judges the byte code, not the source.
namespace culvert::packet {
namespace {

/// The kernel's limit is a million. The rest is room for other kernels' verifiers.
constexpr std::uint32_t budget = 100'000;

const bool is_emulated = std::getenv("CULVERT_PACKETS") != nullptr;

/// The compiler of this build, and the others of this Debian release.
std::vector<std::string> compilers() {
    std::vector<std::string> names{"default"};
    std::istringstream others(CULVERT_BPF_COMPILERS);
    for (std::string name; others >> name;) names.push_back(name);
    return names;
}

class Compilers : public BalancerTest, public testing::WithParamInterface<std::string> {
  protected:
    void SetUp() override {
        BalancerTest::SetUp();
        if (GetParam() == "default") return;
        objects_ = CULVERT_BPF_OBJECTS "/" + GetParam();
        if (!std::filesystem::exists(objects_ + "/lb.bpf.o"))
            GTEST_SKIP() << GetParam() << " is not installed (scripts/setup), or was not when this was configured";
    }
    [[nodiscard]] const std::string& objects() const { return objects_; }

  private:
    std::string objects_;
};

std::string name_of_compiler(const testing::TestParamInfo<std::string>& compiler) {
    std::string name = compiler.param;
    std::ranges::replace(name, '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Debian, Compilers, testing::ValuesIn(compilers()), name_of_compiler);

/// On an emulated processor all sets of all compilers would take many minutes. There the default compiler has the sets
/// that pair all switches; the others have the set with everything on, and share the rest.
std::vector<SwitchSet> sets_for(const std::string& compiler) {
    if (!is_emulated) return all_switch_sets();
    std::vector<SwitchSet> sets = few_switch_sets();
    if (compiler == "default") return sets;
    const auto names = compilers();
    const auto share = static_cast<std::size_t>(std::ranges::find(names, compiler) - names.begin());
    std::vector<SwitchSet> shared{sets.front()};
    for (std::size_t i = share; i < sets.size(); i += names.size() - 1) shared.push_back(sets[i]);
    return shared;
}

TEST_P(Compilers, MakeABalancerThatLoadsInEverySetOfSwitchesWithinTheVerifiersBudget) {
    for (const SwitchSet set : sets_for(GetParam())) {
        SCOPED_TRACE(name_of(set));
        const std::uint32_t instructions = Balancer(with_switches(set), 1, objects()).verified_instructions();
        EXPECT_LT(instructions, budget);
        RecordProperty(name_of(set), std::to_string(instructions));
    }
}

TEST_P(Compilers, MakeADecapsulatorThatLoadsWhateverItIsToUnwrap) {
    for (const std::uint8_t guard : {DECAP_GUARD_STRICT, DECAP_GUARD_LOG, DECAP_GUARD_OFF}) {
        decap_config config = unwrap_all();
        config.guard = guard;
        EXPECT_LT(Decapsulator(config, objects()).verified_instructions(), budget);
        if (is_emulated && guard != DECAP_GUARD_STRICT) continue;
        for (int kind = DECAP_FOU; kind < DECAP_KIND_COUNT; ++kind)
            for (const int outer : {0, 1}) {
                decap_config one{};
                one.version = DECAP_ABI_VERSION;
                one.guard = guard;
                one.udp[outer] = 1;
                one.kinds = 1U << kind;
                EXPECT_LT(Decapsulator(one, objects()).verified_instructions(), budget);
                one.udp_gre = 1;
                one.ipip[outer] = DECAP_INNER4;
                EXPECT_LT(Decapsulator(one, objects()).verified_instructions(), budget);
            }
    }
}

TEST_P(Compilers, MakeAProgramForProbesThatLoads) {
    const auto probe = open_skeleton<probe_bpf>(probe_bpf__create_skeleton, objects(), "probe");
    probe->rodata->config = all_on();
    EXPECT_EQ(probe_bpf::load(probe.get()), 0);
}

/// Not every kernel can trace programs and tracepoints.
class Traced : public Compilers {};
INSTANTIATE_TEST_SUITE_P(Debian, Traced, testing::ValuesIn(compilers()), name_of_compiler);

TEST_P(Traced, ProgramsForCapturesAndTracesLoad) {
    const auto lb = open_skeleton<lb_bpf>(lb_bpf__create_skeleton, objects(), "lb");
    lb->rodata->config = all_on();
    ASSERT_EQ(lb_bpf::load(lb.get()), 0);
    const auto capture = open_skeleton<capture_bpf>(capture_bpf__create_skeleton, objects(), "capture");
    for (bpf_program* program : {capture->progs.comes, capture->progs.leaves})
        ASSERT_EQ(bpf_program__set_attach_target(program, bpf_program__fd(lb->progs.lb), "lb"), 0);
    const int loaded = capture_bpf::load(capture.get());
    if (loaded != 0 && errno == EPERM) GTEST_SKIP() << "this kernel can't trace BPF programs";
    EXPECT_EQ(loaded, 0);

    const auto trace = open_skeleton<trace_bpf>(trace_bpf__create_skeleton, objects(), "trace");
    EXPECT_EQ(trace_bpf::load(trace.get()), 0);
}

}  // namespace
}  // namespace culvert::packet
