// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/fd.hpp"
#include "lbd/health/answer_tap.hpp"
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

    /// `dests`: the data path's map. `ports`: where answers come in.
    [[nodiscard]] static netlink::Result<ProbePath> open(int dests, const std::vector<Port>& ports);
    ProbePath(ProbePath&&) noexcept = default;

    /// The same for another map, or other ports.
    [[nodiscard]] netlink::Result<> renew(int dests, const std::vector<Port>& ports);

    void set_targets(ProbeTargets targets) { translator_.set_targets(std::move(targets)); }

    /// Readable when there is something to carry().
    [[nodiscard]] int fd() const { return device_.fd.get(); }
    /// Carries what waits, in both directions. What can't be sent is lost, as on any network.
    [[nodiscard]] netlink::Result<> carry(Translator::Time now);

  private:
    struct Unload {
        void operator()(probe_bpf* skeleton) const;
    };
    using Skeleton = std::unique_ptr<probe_bpf, Unload>;

    ProbePath(ProbeDevice device, common::Fd socket) : device_(std::move(device)), socket_(std::move(socket)) {}

    void send(std::uint32_t dest, std::span<const std::uint8_t> packet);

    ProbeDevice device_;
    common::Fd socket_;
    Skeleton skeleton_;
    std::vector<AnswerTap> taps_;
    Translator translator_;
};

}  // namespace culvert::lbd
