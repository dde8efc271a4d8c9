// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST_F(LbdTest, WatchTellsWhatHappensMeanwhile) {
    const HttpServer web(backend(), "backend");
    const Balancer lbd(balancer(),
                       "interfaces: [eth0]\nflows: {entries: 64k}\nservices:\n"
                       "  - {name: web, vip: 192.0.2.1, ports: [80/tcp], encap: {type: l2}, "
                       "backends: [{address: 10.0.0.3}]}\n");
    EXPECT_EQ(http_get(client(), vip4), "backend\n");
    const Process watch = balancer().spawn(CULVERT_LBD " watch -j --interval 0.1");
    watch.wait_for("\n");
    EXPECT_EQ(http_get(client(), vip4), "backend\n");

    // A SYN, and the packet that enters the flow table.
    const auto sum = [&](const char* key) {
        double all = 0;
        const std::string out = watch.out();
        for (std::size_t at = 0, end = 0; (end = out.find('\n', at)) != std::string::npos; at = end + 1) {
            const json seen = json::parse(out.substr(at, end - at));
            all += seen[key].get<double>() * seen["seconds"].get<double>();
        }
        return all;
    };
    EXPECT_TRUE(eventually([&] { return sum("new_flows") > 0.9; }));
    EXPECT_NEAR(sum("new_flows"), 1, 0.1);
    EXPECT_GT(sum("packets"), 3);

    const std::string tables = balancer().must(CULVERT_LBD " watch --interval 0.1 --count 2");
    EXPECT_THAT(tables, HasSubstr("\n\nSERVICE"));
    EXPECT_THAT(tables, testing::Not(HasSubstr("\x1b")));
}

TEST_F(LbdTest, WatchEndsAtAnInterrupt) {
    const Balancer lbd(balancer(),
                       "interfaces: [eth0]\nflows: {entries: 64k}\nservices:\n"
                       "  - {name: web, vip: 192.0.2.1, ports: [80/tcp], encap: {type: l2}, "
                       "backends: [{address: 10.0.0.3}]}\n");
    Process watch = balancer().spawn(CULVERT_LBD " watch --interval 0.1");
    watch.wait_for("SERVICE");
    EXPECT_EQ(watch.stop(SIGINT).status, 0);
    EXPECT_EQ(balancer().run(CULVERT_LBD " watch --interval 0").status, 2);
}

}  // namespace
}  // namespace culvert::netns
