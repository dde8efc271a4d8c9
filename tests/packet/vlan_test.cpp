// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/packet/balancer.hpp"
#include "tests/packet/paths.hpp"

namespace culvert::packet {
namespace {

using Tags = std::vector<lbd::VlanTag>;

/// The frame with tags behind its Ethernet header.
Packet tagged(const Tags& tags, const Packet& frame) {
    const Bytes bytes = frame.bytes();
    const auto at = [&](std::ptrdiff_t offset) { return bytes.begin() + offset; };
    Bytes result(at(0), at(12));
    for (const auto& [id, protocol] : tags)
        for (const unsigned value : {protocol >> 8, protocol & 0xff, id >> 8, id & 0xff})
            result.push_back(static_cast<std::uint8_t>(value));
    result.insert(result.end(), at(12), bytes.end());
    return Payload{result};
}

class VlanTest : public BalancerTest {};

TEST_F(VlanTest, EveryPathTakesTheTagsOfTheBackendsLinkWhateverTheClientsHad) {
    const Tags one{{.id = 100}}, two{{.id = 200, .protocol = 0x88a8}, {.id = 100}};
    const Sent sent{.data = payload(33)};
    for (const Path& path : all_paths()) {
        Balancer& balancer = shared();
        install(balancer, path);
        const Entropy entropy = entropy_of(path, balancer.receive(sent_frame(path, sent)).frame);
        for (const Tags& in : {Tags{}, one, two})
            for (const Tags& out : {Tags{}, one, two}) {
                SCOPED_TRACE(name(path) + ' ' + std::to_string(in.size()) + " to " + std::to_string(out.size()));
                lbd::NextHop next = next_hop(path);
                next.tags = out;
                balancer.set_dest(1, body(path, next));
                const Outcome outcome = balancer.receive(tagged(in, sent_frame(path, sent)));
                EXPECT_EQ(outcome.fate, "tx");
                EXPECT_TRUE(same(tagged(out, forwarded_frame(path, sent, entropy)), outcome.frame));
            }
    }
}

}  // namespace
}  // namespace culvert::packet
