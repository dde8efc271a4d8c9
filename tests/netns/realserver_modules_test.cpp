// SPDX-License-Identifier: Apache-2.0
//
// A kernel module that isn't there, or that the kernel refuses. Run alone: modules are the whole machine's.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "tests/netns/realserver_test.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class RealserverModules : public Realserver {
  protected:
    void SetUp() override {
        Realserver::SetUp();
        if (IsSkipped()) return;
        if (std::getenv("CULVERT_VM") == nullptr) GTEST_SKIP() << "takes a module away from the whole machine";
        REQUIRE_MODULE("geneve");
        build();
        configure("balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: geneve, vni: 666, via: kernel}]\n");
    }

    void unload() { host().must("modprobe -r geneve"); }
};

TEST_F(RealserverModules, CheckNamesOneThatIsNotLoaded) {
    ASSERT_EQ(realserver("apply").status, 0);
    ASSERT_EQ(realserver("teardown").status, 0);
    unload();
    const Output output = realserver("check -j");
    EXPECT_EQ(output.status, 3);
    const json said = json::parse(output.out);
    std::string cure;
    for (const json& finding : said.at("findings"))
        if (finding.at("name") == "module_not_loaded") cure = finding.at("cure");
    EXPECT_THAT(cure, HasSubstr("modprobe geneve")) << output;
    EXPECT_EQ(realserver("apply").status, 0);
    EXPECT_THAT(realserver("check -j").out, Not(HasSubstr("module_not_loaded")));
}

TEST_F(RealserverModules, OneThatTheKernelRefusesIsToldWithItsCure) {
    const std::string before = snapshot(host());
    for (const auto& [code, cure] :
         {std::pair(EPERM, "as root, modprobe geneve; at every boot"),
          std::pair(ENOEXEC, "dmesg says why the kernel refuses it; then modprobe geneve")}) {
        unload();
        const Output refused = host().run(
            fmt::format("env CULVERT_FAULT=1:{} " CULVERT_REALSERVER_FAULTS " apply -c /run/realserver.yaml", code));
        EXPECT_EQ(refused.status, 1) << refused;
        EXPECT_THAT(refused.err, HasSubstr("fault at step 1: module"));
        EXPECT_THAT(refused.err, HasSubstr(cure));
        EXPECT_EQ(snapshot(host()), before);
        EXPECT_EQ(host().must("find /run/culvert -type f"), "");
    }
    EXPECT_EQ(realserver("apply").status, 0);
    EXPECT_EQ(realserver("teardown").status, 0);
}

}  // namespace
}  // namespace culvert::netns
