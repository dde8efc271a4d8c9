// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
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

/// The path of probes and their answers. What this host sends to an address of the checker's network comes out of its
/// device. The translator turns it into a packet to the VIP. The BPF program `probe` encapsulates it like `lb` does,
/// with the same map of destinations, and it leaves by a packet socket. The program `answer` takes answers off the
/// interfaces; they go back the same way.
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

    /// `dests`: the data path's map. `ports`: where answers arrive.
    [[nodiscard]] static netlink::Result<ProbePath> open(int dests, const std::vector<Port>& ports);
    ProbePath(ProbePath&&) noexcept = default;

    /// Loads the programs for another map. If that fails, nothing changes.
    [[nodiscard]] netlink::Result<Programs> prepare(int dests) const;
    /// Uses these programs and ports from now on. Running probes still receive their answers. If answers cannot be
    /// received at a port, a warning is logged.
    void take(Programs programs, const std::vector<Port>& ports);

    void set_targets(ProbeTargets targets) { translator_.set_targets(std::move(targets)); }

    /// For sockets of the checker's own.
    [[nodiscard]] OwnSockets own_sockets() const { return OwnSockets(own_sockets_.get()); }
    /// Packets of a destination's own probes, in both directions.
    [[nodiscard]] ProbeTraffic traffic(std::uint32_t dest) const { return translator_.traffic(dest); }

    /// Readable when carry() has something to do.
    [[nodiscard]] int fd(probe_queue queue) const { return device_.queues[queue].get(); }
    /// Carries the waiting packets of one queue in both directions, up to `most` packets. Packets that cannot be sent
    /// are lost, as on any network. False if more may be waiting.
    [[nodiscard]] netlink::Result<bool> carry(probe_queue queue, int most);

    /// Repairs the device. If it is gone, creates another one with other descriptors, and returns true.
    [[nodiscard]] netlink::Result<bool> repair();
    /// Attaches the program `answer` again where somebody has removed it, and logs it.
    [[nodiscard]] netlink::Result<> repair_taps();
    /// Logs, once for each port, if filters of others see packets before the program `answer`.
    void name_earlier_filters();

  private:
    ProbePath(ProbeDevice device, common::Fd socket, common::Fd own_sockets)
        : device_(std::move(device)), socket_(std::move(socket)), own_sockets_(std::move(own_sockets)) {}

    /// Attaches the program `answer` to these ports, and to no others.
    [[nodiscard]] netlink::Result<> hear_at(const std::vector<Port>& ports, const Programs& programs);
    void send(std::uint32_t dest, std::span<const std::uint8_t> packet);

    ProbeDevice device_;
    common::Fd socket_;
    common::Fd own_sockets_;  // the map
    Programs programs_;
    std::vector<Port> ports_;
    std::vector<AnswerTap> taps_;
    std::map<std::uint32_t, std::uint32_t> earlier_;  // priorities of logged filters, by port
    Translator translator_;
};

}  // namespace culvert::lbd
