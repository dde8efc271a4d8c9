// SPDX-License-Identifier: Apache-2.0
//
// A kernel module that is missing, or that the kernel refuses. Run alone: modules belong to the whole machine.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

#include "tests/netns/realserver_check.hpp"
#include "tests/netns/realserver_test.hpp"

namespace culvert::netns {
namespace {

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

class CheckOfModules : public CheckTest {
  protected:
    void SetUp() override {
        CheckTest::SetUp();
        if (IsSkipped()) return;
        if (std::getenv("CULVERT_VM") == nullptr) GTEST_SKIP() << "takes modules away from the whole machine";
        REQUIRE_MODULE("geneve");
        build("{encap: geneve, vni: 666, via: kernel}");
        apply();
    }
};

TEST_F(CheckOfModules, LoadsThemAgain) {
    const HttpServer web(backend(), "web", {vip4, vip6});
    expect_cured({
        {"module_not_loaded", "ip link del geneve6081; modprobe -r geneve", "geneve"},
        {"module_not_loaded",
         "ip link del geneve6081; modprobe -r geneve; echo install geneve /bin/false >/etc/modprobe.d/theirs.conf",
         "install geneve /bin/false", "rm /etc/modprobe.d/theirs.conf; modprobe geneve; " + apply_again},
        {"nf_tables_missing",
         "nft delete table inet culvert; echo blacklist nf_tables >/etc/modprobe.d/theirs.conf;"
         "for i in 1 2 3; do for m in $(awk '$1 == \"nf_tables\" { gsub(\",\", \" \", $4); print $4 }' /proc/modules);"
         "do modprobe -r $m || :; done; done; modprobe -r nf_tables",
         "this kernel has no nf_tables", "", "rm /etc/modprobe.d/theirs.conf"},
    });
}

}  // namespace
}  // namespace culvert::netns
