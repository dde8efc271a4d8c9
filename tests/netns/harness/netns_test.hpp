// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/netns/harness/capture.hpp"
#include "tests/netns/harness/clients.hpp"
#include "tests/netns/harness/host.hpp"
#include "tests/netns/harness/network.hpp"
#include "tests/netns/harness/requirements.hpp"
#include "tests/netns/harness/servers.hpp"
#include "tests/netns/harness/snapshot.hpp"

namespace culvert::netns {

/// The base of all tests between hosts.
class NetnsTest : public testing::Test {
  protected:
    void SetUp() override {
        if (const auto missing = missing_privilege()) GTEST_SKIP() << *missing;
    }
};

}  // namespace culvert::netns
