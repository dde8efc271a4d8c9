// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/reconciled.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include "common/fd.hpp"
#include "lbd/datapath/flow_table.hpp"
#include "tests/packet/balancer.hpp"
#include "tests/packet/maps.hpp"
#include "tests/packet/result.hpp"
#include "tests/packet/run.hpp"

namespace culvert::packet {
namespace {

constexpr lbd::Limits limits{
    .vips4 = 16, .vips6 = 16, .ring_lines = 1U << 14, .transition_lines = 1U << 15, .dests = 256};
constexpr std::size_t source_at = 14 + 12, checksum_at = 14 + 10, flags_at = 14 + 20 + 13;

/// Pins are by network namespace, and another lbd may run in this one.
lbd::Pins pins_of_new_namespace() {
    const common::Fd home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    check(home.is_open() && ::unshare(CLONE_NEWNET) == 0 ? 0 : -errno, "make a network namespace");
    auto pins = lbd::Pins::open();
    check(::setns(home.get(), CLONE_NEWNET) == 0 ? 0 : -errno, "return to the network namespace");
    return value(std::move(pins));
}

lbd::Config config_of(const lbd::Services& services, std::size_t buckets) {
    lbd::Config config;
    config.interfaces = {"lo"};
    config.flows.entries = buckets * LB_FLOW_WAYS;
    config.services = services;
    return config;
}

lbd::Datapath load(const lbd::Config& config) {
    lbd::Build build = lbd::build_for(config, {}, limits);
    build.config.hash_final = all_on().hash_final;
    std::ranges::copy(all_on().hash_key, build.config.hash_key);
    auto loaded = value(lbd::Datapath::load(build, {}));
    (void)loaded.set_own({.macs = {{.port = 0, .mac = {{2, 0, 0, 0, 0, 2}}}}, .vlans = {}});
    return loaded;
}

lbd::Hops hops_of(const lbd::Services& services) {
    lbd::Hops hops;
    for (const lbd::Service& service : services)
        for (const lbd::Backend& backend : service.backends)
            hops[backend.address] = lbd::NextHop{.ifindex = 1,
                                                 .source = {{2, 0, 0, 0, 0, 2}},
                                                 .destination = {{2, 0, 0, 0, 1, backend.address.bytes().back()}},
                                                 .from = *netlink::IpAddress::parse("10.0.0.100")};
    return hops;
}

}  // namespace

lbd::Backend numbered(int number) {
    return {.name = std::to_string(number),
            .address = *netlink::IpAddress::parse(fmt::format("10.0.0.{}", number)),
            .encap = lbd::L2{}};
}

Clients::Clients(const Packet& first) : first_(first.bytes()) {}

Bytes Clients::frame(std::uint32_t source) const {
    Bytes frame = first_;
    for (std::size_t i = 0; i < 3; ++i) frame[source_at + 3 - i] = static_cast<std::uint8_t>(source >> 8 * i);
    std::uint32_t sum = 0;
    frame[checksum_at] = frame[checksum_at + 1] = 0;
    for (std::size_t i = 14; i < 34; i += 2) sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    frame[checksum_at] = static_cast<std::uint8_t>(sum >> 8);
    frame[checksum_at + 1] = static_cast<std::uint8_t>(sum);
    return frame;
}

Bytes Clients::frame(std::uint32_t source, unsigned flags) const {
    Bytes frame = this->frame(source);
    frame[flags_at] = static_cast<std::uint8_t>(flags);
    return frame;
}

Reconciled::Reconciled(const lbd::Services& services, std::size_t buckets)
    : program_(pins_of_new_namespace(), {}, load(config_of(services, buckets))),
      reconciler_(program_, value(datapath().maps().read())) {
    change(services);
}

Reconciled::~Reconciled() { (void)program_.remove(); }

void Reconciled::change(const lbd::Services& services, const lbd::Health& health) {
    auto candidate =
        value(reconciler_.prepare_maps({.services = services, .hops = hops_of(services), .health = health}));
    done(reconciler_.edit(candidate));
    idle_ = lbd::idle_times(config_of(services, flows().capacity()), image().ids, flows().clock());
}

void Reconciled::sweep(const lbd::IsHeld& held) {
    for (std::size_t i = 0; i < lbd::FlowSweep::shares; ++i) done(sweep_.next(reconciler_, idle_, held));
    move_all();
}

int Reconciled::send(const Bytes& frame) const {
    const auto sent = transmitted(program_.datapath().program(), frame);
    return sent ? sent->at(5) : 0;
}

std::uint64_t Reconciled::evicted() const {
    return value(program_.datapath().counters().events()).at(LB_EVENT_EVICTED);
}

std::size_t Reconciled::entries() const {
    std::size_t count = 0;
    for (const lb_bucket& bucket : program_.datapath().flows().table())
        count += LB_FLOW_WAYS - static_cast<std::size_t>(std::ranges::count(bucket.entry, 0U));
    return count;
}

void Reconciled::use_part(unsigned shift) { done(flows().use_part(shift)); }
void Reconciled::move() { done(flows().move()); }
void Reconciled::move_all() {
    while (flows().part().is_changing()) move();
}

}  // namespace culvert::packet
