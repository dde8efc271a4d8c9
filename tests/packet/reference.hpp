// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "lbd/model/config.hpp"
#include "netlink/address.hpp"
#include "tests/packet/balancer.hpp"
#include "tests/packet/flows.hpp"
#include "tests/packet/packet.hpp"

namespace culvert::packet {

/// A second balancer, written to be read and not to be fast: it computes every checksum over every byte, and searches
/// VIPs one by one. It shares the layout of maps with bpf/, but no code.
class Reference {
  public:
    explicit Reference(const lb_config& config = all_on(), std::uint32_t buckets = 1);

    void serve(const std::string& vip, lbd::Protocol protocol, std::uint16_t port,
               const std::vector<std::uint16_t>& ring, std::uint32_t flags = LB_SERVICE_EACH);
    void set_dest(std::uint32_t id, const lb_dest_body& body) { dests_[id] = body; }
    void open_port(std::uint32_t ifindex) { ports_.push_back(ifindex); }

    /// The frame is valid unless the fate is a drop.
    [[nodiscard]] Outcome receive(const Bytes& frame);

    [[nodiscard]] const Entries& bucket(std::uint32_t index) const { return buckets_.at(index); }
    [[nodiscard]] lb_counters counters(std::uint32_t dest) const;

  private:
    struct Service {
        netlink::Prefix vip;
        std::uint8_t protocol = 0;
        std::uint16_t port = 0;
        std::vector<std::uint16_t> ring;
        bool sticky = false, each = false, never = false;
    };
    struct Parsed;

    Outcome receive_ipv4(Parsed& packet);
    Outcome receive_ipv6(Parsed& packet);
    Outcome receive_icmp(Parsed& packet);
    Outcome receive_l4(Parsed& packet);
    Outcome balance(Parsed& packet);
    Outcome forward(const Parsed& packet, const lb_dest_body& dest);

    [[nodiscard]] std::optional<Bytes> without_priority(const Bytes& frame) const;
    /// Drops it if it is for a VIP.
    [[nodiscard]] Outcome refuse(const Parsed& packet, const char* reason) const;
    /// The fault in the IP header, if any.
    [[nodiscard]] static std::optional<std::string> fault(Parsed& packet);
    /// An ICMP error to the packet's sender.
    [[nodiscard]] Outcome answer(const Parsed& packet, const char* reason, std::uint32_t parameter) const;
    [[nodiscard]] static Outcome echo_reply(const Parsed& packet);

    [[nodiscard]] std::optional<netlink::Prefix> vip_of(const netlink::IpAddress& address) const;
    [[nodiscard]] const Service* find(const netlink::IpAddress& address, std::uint8_t protocol,
                                      std::uint16_t port) const;

    [[nodiscard]] std::uint64_t hash(const netlink::IpAddress& source, const netlink::IpAddress& destination,
                                     std::uint32_t ports, std::uint32_t protocol) const;
    [[nodiscard]] std::uint64_t fragments_hash(const Parsed& packet, std::uint32_t id) const;
    void set_flow(Parsed& packet, const netlink::IpAddress& client, const netlink::IpAddress& vip, std::uint32_t ports,
                  std::uint8_t protocol) const;
    [[nodiscard]] Entries& bucket_of(std::uint64_t hash);
    /// The flow's destination in the flow table, or 0.
    std::uint32_t look_up(const Parsed& packet);
    void store(std::uint64_t hash, std::uint32_t dest, bool closing);

    lb_config config_;
    std::vector<Bytes> own_{{2, 0, 0, 0, 0, 2}};  // MAC addresses
    std::vector<Service> services_;
    std::map<std::uint32_t, lb_dest_body> dests_;
    std::map<std::uint32_t, lb_counters> counters_;
    std::vector<std::uint32_t> ports_;
    std::vector<Entries> buckets_;
};

}  // namespace culvert::packet
