// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/fd.hpp"
#include "lbd/health/answer_tap.hpp"
#include "lbd/health/own_sockets.hpp"
#include "lbd/health/probe_device.hpp"
#include "lbd/health/translator.hpp"
#include "netlink/result.hpp"

struct probe_bpf;  // the skeleton that bpftool makes

namespace culvert::lbd {

/// The way of probes, out and back. What this host sends to an address of the checker's own network comes out of its
/// device; the translator makes it a packet to the VIP, the BPF program `probe` does to it what `lb` does to clients'
/// packets, from the same map of destinations, and it leaves by a packet socket. The program `answer` takes what comes
/// back off the interfaces, and it takes the same way in reverse.
class ProbePath {
  public:
    struct Port {
        std::uint32_t ifindex = 0;
        std::string name;
    };

    struct Unload {
        void operator()(probe_bpf* skeleton) const;
    };
    using Programs = std::unique_ptr<probe_bpf, Unload>;

    /// `dests`: the data path's map. `ports`: where answers come in.
    [[nodiscard]] static netlink::Result<ProbePath> open(int dests, const std::vector<Port>& ports);
    ProbePath(ProbePath&&) noexcept = default;

    /// The programs for another map. Nothing changes if that fails.
    [[nodiscard]] netlink::Result<Programs> prepare(int dests) const;
    /// From now on these, and these ports. Probes that are under way get their answers all the same. A port by which
    /// answers can't be heard is said.
    void take(Programs programs, const std::vector<Port>& ports);

    void set_targets(ProbeTargets targets) { translator_.set_targets(std::move(targets)); }

    /// For sockets of the checker's own.
    [[nodiscard]] OwnSockets own_sockets() const { return OwnSockets(own_sockets_.get()); }
    /// What has come and gone of a destination's own probes.
    [[nodiscard]] ProbeTraffic traffic(std::uint32_t dest) const { return translator_.traffic(dest); }

    /// Readable when there is something to carry().
    [[nodiscard]] int fd(probe_queue queue) const { return device_.queues[queue].get(); }
    /// Carries what waits in one queue, in both directions, up to `most` packets. What can't be sent is lost, as on any
    /// network. False if there may be more.
    [[nodiscard]] netlink::Result<bool> carry(probe_queue queue, int most);

    /// Gives the device back what somebody has taken from it. If it is gone there is another one, with other
    /// descriptors: true then.
    [[nodiscard]] netlink::Result<bool> repair();

  private:
    ProbePath(ProbeDevice device, common::Fd socket, common::Fd own_sockets)
        : device_(std::move(device)), socket_(std::move(socket)), own_sockets_(std::move(own_sockets)) {}

    /// The program `answer` at these ports, and at no others.
    [[nodiscard]] netlink::Result<> hear_at(const std::vector<Port>& ports, const Programs& programs);
    void send(std::uint32_t dest, std::span<const std::uint8_t> packet);

    ProbeDevice device_;
    common::Fd socket_;
    common::Fd own_sockets_;  // the map
    Programs programs_;
    std::vector<Port> ports_;
    std::vector<AnswerTap> taps_;
    Translator translator_;
};

}  // namespace culvert::lbd
