// SPDX-License-Identifier: Apache-2.0
//
// Balancers that cannot talk to each other, that come back with an old state, and strangers who talk to them. They are
// connected by IPv6.
#include <gmock/gmock.h>

#include <string>

#include "tests/netns/cluster.hpp"
#include "tests/netns/outcome.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

class LbdPartition : public ClusterTest {
  protected:
    LbdPartition() {
        peers_in = "fd00::";
        idle = "200s";  // balancers that are apart for longer settle their slots
    }

    /// A balancer leaves and returns: connections go by another way.
    void change_ways(int one) {
        for (const bool leaves : {true, false}) {
            const auto begin = Clock::now();
            host(one).must(std::string(CULVERT_LBD) + (leaves ? " leave" : " join"));
            ASSERT_TRUE(eventually([&] { return leads_to(leaves ? without(one) : all); }));
            outcome_.moved(host(one).name(), begin, Clock::now());
            some_traffic();
        }
    }
    [[nodiscard]] bool are_apart() const {
        for (const int one : all)
            for (const int other : without(one))
                if (peer(one, other)["state"] != "away") return false;
        return true;
    }
};

TEST_F(LbdPartition, BackendsChangeWhileAllForwardAndNoneHearsTheOthers) {
    ASSERT_NO_FATAL_FAILURE(start_all());
    Traffic traffic = this->traffic();
    for (const int one : all)
        host(one).must("nft -f -",
                       "table inet apart {\n chain in {\n type filter hook input priority 0\n tcp dport 9478 drop\n "
                       "tcp sport 9478 drop\n }\n}\n");
    reload(all, {.backends = 5, .drained = {0}});
    ASSERT_TRUE(eventually([&] { return are_apart(); }));
    ASSERT_TRUE(find(all, 4, "up"));
    EXPECT_TRUE(leads_to(all));
    some_traffic(5'000);  // connections that the others do not know
    for (const int one : all) host(one).must("nft delete table inet apart");
    ASSERT_TRUE(eventually([&] { return are_joined(all); }));
    for (const int one : all) ASSERT_NO_FATAL_FAILURE(change_ways(one));
    expect_kept(stop(traffic));
}

TEST_F(LbdPartition, OneComesBackWithItsOldState) {
    ASSERT_NO_FATAL_FAILURE(start_all());
    Traffic traffic = this->traffic();
    auto begin = Clock::now();
    (void)lbd(0).stop(SIGKILL);
    cut(host(0));
    ASSERT_TRUE(eventually([&] { return leads_to({1, 2}); }));
    outcome_.moved("it is cut off", begin, Clock::now());
    // Connections of a backend that it does not know would be broken.
    const Wanted changed{.weights = {{2, 3}}, .drained = {0}};
    reload({1, 2}, changed);
    some_traffic(4'000);
    begin = Clock::now();
    start(0, config({}));
    mend(host(0));
    ASSERT_TRUE(eventually([&] { return leads_to(all); })) << routes();
    outcome_.moved("it comes back", begin, Clock::now());
    EXPECT_EQ(lbd(0).show("cluster")["joined"], true) << "it has announced something before";
    ASSERT_TRUE(eventually([&] { return are_joined(all); }));
    some_traffic();
    reload({0}, changed);
    some_traffic();
    ASSERT_NO_FATAL_FAILURE(change_ways(1));
    expect_kept(stop(traffic));
}

/// Says what it has captured once more, and then rubbish, on as many connections as it gets.
constexpr const char* stranger = R"py(
import os, resource, socket, struct, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (10000, 10000))
capture, said, at = open("/run/captured", "rb").read(), {}, 24
while at < len(capture):
    size = struct.unpack_from("<I", capture, at + 8)[0]
    frame = capture[at + 16:at + 16 + size]
    at += 16 + size
    tcp = frame[54:]
    source, target, sequence = struct.unpack_from("!HHI", tcp)
    if target == 9478: said.setdefault((frame[22:54], source), {})[sequence] = tcp[tcp[12] >> 2 << 2:]
said = [(socket.inet_ntop(socket.AF_INET6, ends[16:]), b"".join(parts[one] for one in sorted(parts)))
        for (ends, _), parts in said.items()]
for target, data in said:
    one = socket.create_connection((target, 9478), 20)
    one.sendall(data)
    answer = one.recv(1 << 16)
    while len(one.recv(1 << 16) if answer else b"") != 0: pass
    print("closed after", len(data), "bytes", file=sys.stderr, flush=True)
print("replayed", len(said), file=sys.stderr, flush=True)
targets, open_ones, count = sys.argv[1:], [], 0
while True:
    for target in targets:
        try:
            one = socket.create_connection((target, 9478), 1)
            one.setblocking(False)
            if count % 2: one.send(os.urandom(1000))
            open_ones.append(one)
        except OSError: pass
        count += 1
        if count == 600: print("flooded", file=sys.stderr, flush=True)
    if len(open_ones) > 500: open_ones.pop(0).close()
)py";

TEST_F(LbdPartition, StrangersChangeNothing) {
    ASSERT_NO_FATAL_FAILURE(start_all());
    // What a peer says when it connects.
    Capture capture(lan().host(), "lb0-eth0", "ip6 and tcp dst port 9478 and src host fd00::11");
    (void)lbd(0).stop(SIGKILL);
    start(0, config({}));
    ASSERT_TRUE(eventually([&] { return are_joined(all); }));
    const Host other("other");
    lan().connect({{other, "eth0", {"10.0.0.99/24", "fd00::99/64"}}});
    other.write("/run/captured", capture.stop().bytes());
    other.write("/run/stranger.py", stranger);

    Traffic traffic = this->traffic();
    const auto said = [&](const std::string& words) {
        std::size_t sum = 0;
        for (const int one : all) sum += lbd(one).said(words);
        return sum;
    };
    const auto interrupted = said("is gone: ");
    const auto silent = said("is gone: nothing was heard");
    Process attack = other.spawn("python3 /run/stranger.py 10.0.0.11 10.0.0.12 10.0.0.13 fd00::11 fd00::12 fd00::13");
    attack.wait_for("replayed");
    EXPECT_THAT(attack.err(), HasSubstr("closed after"));
    attack.wait_for("flooded");
    // One that has another key, and one that has this key.
    for (const char* digit : {"2", "1"}) {
        const auto refused = lbd(1).show("cluster").value("refused", 0);
        other.write("/run/cluster.key", std::string(64, digit[0]) + "\n");
        other.must("chmod 600 /run/cluster.key");
        Balancer impostor(other, config({.backends = 1}));
        EXPECT_TRUE(eventually([&] { return lbd(1).show("cluster").value("refused", 0) > refused; }));
        (void)impostor.stop();
    }
    // Meanwhile balancers tell each other what they must.
    const auto told = peer(1, 0).value("records_in", 0);
    reload(all, {.backends = 5});
    ASSERT_TRUE(find(all, 4, "up"));
    EXPECT_TRUE(eventually([&] { return peer(1, 0).value("records_in", 0) > told + 100; }));
    ASSERT_NO_FATAL_FAILURE(change_ways(0));
    EXPECT_TRUE(eventually([&] { return are_joined(all); }));
    // None but those of a balancer that got no processor for seconds: both ends say that, and one of them why.
    EXPECT_LE(said("is gone: ") - interrupted, 2 * (said("is gone: nothing was heard") - silent));
    EXPECT_TRUE(attack.running()) << attack.err();
    expect_kept(stop(traffic));
}

/// A group of next hops of which only those packets change their way whose own next hop has gone, or that nobody
/// misses. BIRD cannot make one, so the test does what the router's BIRD says.
class LbdResilientRouter : public LbdPartition {
  protected:
    LbdResilientRouter() { routing_table = "100"; }
    void follow(const Balancers& these) {
        ASSERT_TRUE(eventually([&] { return leads_to(these); })) << routes();
        for (const int family : {4, 6}) {
            std::string group;
            for (const int i : these) group += fmt::format("{}{}{}", group.empty() ? "" : "/", family, i + 1);
            router().ip(
                fmt::format("nexthop replace id {0}0 group {1} type resilient buckets 128 idle_timer 1 "
                            "unbalanced_timer 2\nroute replace {2} nhid {0}0\n",
                            family, group, family == 4 ? vip4 : vip6));
        }
    }
};

TEST_F(LbdResilientRouter, KeepsConnectionsToo) {
    for (const int i : all)
        router().ip(fmt::format("nexthop add id 4{0} via {1} dev eth0\nnexthop add id 6{0} via fd00::{2} dev eth0\n",
                                i + 1, address(i), 11 + i));
    ASSERT_NO_FATAL_FAILURE(start_all());
    ASSERT_NO_FATAL_FAILURE(follow(all));
    Traffic traffic = this->traffic();
    for (const int one : {0, 1}) {
        auto begin = Clock::now();
        if (one == 0)
            cut(host(one));
        else
            host(one).must(CULVERT_LBD " leave");
        reload(without(one), {.backends = 5 + one});
        ASSERT_NO_FATAL_FAILURE(follow(without(one)));
        outcome_.moved("one goes", begin, Clock::now());
        some_traffic();
        begin = Clock::now();
        if (one == 0)
            mend(host(one));
        else
            host(one).must(CULVERT_LBD " join");
        reload(all, {.backends = 5 + one, .drained = {one}});
        ASSERT_NO_FATAL_FAILURE(follow(all));
        ASSERT_TRUE(eventually([&] { return are_joined(all); }));
        some_traffic(6'000);  // busy buckets move after two seconds
        outcome_.moved("one comes", begin, Clock::now());
    }
    expect_kept(stop(traffic));
}

}  // namespace
}  // namespace culvert::netns
