// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lbd/encap/encap.hpp"
#include "lbd/model/announce.hpp"
#include "netlink/address.hpp"

/// The configuration of a service, as plain values.
namespace culvert::lbd {

using netlink::Family;
using netlink::IpAddress;

/// IANA protocol numbers.
enum class Protocol : std::uint8_t { tcp = 6, udp = 17, sctp = 132 };

/// The name in the configuration, such as "tcp".
[[nodiscard]] constexpr std::string_view name(Protocol protocol) {
    switch (protocol) {
        case Protocol::tcp:
            return "tcp";
        case Protocol::udp:
            return "udp";
        case Protocol::sctp:
            return "sctp";
    }
    return {};
}

/// Ports of one protocol, in host order. Port 0 stands for all ports that no other service of the VIP has.
struct PortSpec {
    Protocol protocol = Protocol::tcp;
    std::uint16_t port = 0;
    std::uint16_t last = port;  ///< last port of a range
    auto operator<=>(const PortSpec&) const = default;
};

/// "53/udp", "8000-8099/tcp", "any/tcp"
[[nodiscard]] std::string to_string(const PortSpec& port);

/// Whether the two have a port in common. Port 0 overlaps with nothing.
[[nodiscard]] constexpr bool overlap(const PortSpec& a, const PortSpec& b) {
    return a.protocol == b.protocol && a.port <= b.last && b.port <= a.last;
}

/// The address of a service, or a network of which every address belongs to the service.
struct Vip {
    netlink::Prefix prefix = netlink::Prefix::host({});

    Vip() = default;
    Vip(const IpAddress& address) : prefix(netlink::Prefix::host(address)) {}  // NOLINT(google-explicit-constructor)
    Vip(const netlink::Prefix& network) : prefix(network) {}                   // NOLINT(google-explicit-constructor)

    [[nodiscard]] Family family() const { return prefix.address.family(); }
    /// "192.0.2.1", "198.51.100.0/24"
    [[nodiscard]] std::string to_string() const {
        return prefix.is_host() ? prefix.address.to_string() : prefix.to_string();
    }
    auto operator<=>(const Vip&) const = default;
};

/// The longest idle time that the time field of flow table entries can express.
inline constexpr std::chrono::hours longest_idle{2};

enum class BackendState : std::uint8_t {
    active,
    drain,          ///< keeps its flows, gets no new ones
    sorry,          ///< gets new flows only while the service is down, to tell clients so
    drained_sorry,  ///< a sorry backend that is drained
};

struct Backend {
    std::string name;  ///< the configured name, by default the address; unique in its service
    IpAddress address;
    Encap encap;
    std::uint16_t weight = 1;  ///< 0: gets no new flows
    BackendState state = BackendState::active;
    bool operator==(const Backend&) const = default;
};

/// Succeeds if the backend accepts the connection.
struct TcpCheck {
    bool operator==(const TcpCheck&) const = default;
};
/// Succeeds if the backend answers a SYN; no connection is made.
struct SynCheck {
    bool operator==(const SynCheck&) const = default;
};
/// A range of HTTP status codes, both ends inclusive.
struct StatusRange {
    std::uint16_t first = 200;
    std::uint16_t last = 399;
    bool operator==(const StatusRange&) const = default;
};
/// Succeeds if the answer to GET has one of these statuses, and this text in its body.
struct HttpCheck {
    bool tls = false;
    bool verify = false;  ///< check the certificate against this host's authorities and `host`
    std::string host;     ///< in the URL and the TLS handshake (SNI); empty: the VIP
    std::string path = "/";
    std::vector<StatusRange> status{{}};
    std::string match;  ///< must be within the first 64 KiB of the body
    bool operator==(const HttpCheck&) const = default;
};
/// Succeeds if a query is answered without an error.
struct DnsCheck {
    std::string name;
    std::uint16_t record = 1;  ///< record type, IANA number; 1: A
    bool tcp = false;
    bool operator==(const DnsCheck&) const = default;
};
/// Succeeds if an echo request to the VIP is answered.
struct IcmpCheck {
    bool operator==(const IcmpCheck&) const = default;
};
/// Succeeds if a program ends with status 0.
struct ScriptCheck {
    std::vector<std::string> command;  ///< program and arguments; not empty
    bool operator==(const ScriptCheck&) const = default;
};
using CheckKind = std::variant<TcpCheck, SynCheck, HttpCheck, DnsCheck, IcmpCheck, ScriptCheck>;

/// What happens to the flows of a backend that goes down.
enum class OnFailure : std::uint8_t {
    move,  ///< each flow chooses another backend
    keep,  ///< they stay, in case the backend comes back in time
};

/// How backends are checked, and what depends on it.
struct HealthCheck {
    CheckKind kind;
    std::uint16_t port = 0;  ///< host order; 0: the first port of the service
    std::chrono::milliseconds interval{2'000};
    std::chrono::milliseconds timeout{1'000};  ///< not longer than the interval
    std::uint16_t rise = 2;                    ///< answers in a row after which a backend is up
    std::uint16_t fall = 3;                    ///< failures in a row after which a backend is down
    OnFailure on_failure = OnFailure::move;
    std::uint16_t minimum = 1;               ///< the service is down if fewer backends are up
    std::chrono::milliseconds slow_start{};  ///< how long the weight of a backend that came back grows
    bool operator==(const HealthCheck&) const = default;
};

/// Which flows have entries in the flow table.
enum class Track : std::uint8_t {
    just_enough,  ///< UDP all; TCP and SCTP those that the Maglev table alone would lose, and a sample to count them
    all,
    none,
};

/// The name in the configuration.
[[nodiscard]] constexpr std::string_view name(Track track) {
    switch (track) {
        case Track::just_enough:
            return "auto";
        case Track::all:
            return "all";
        case Track::none:
            return "none";
    }
    return {};
}

struct Service {
    std::string name;  ///< unique
    Vip vip;
    std::vector<PortSpec> ports;       ///< not empty, and no two overlap
    std::uint32_t table_size = 65537;  ///< Maglev table entries, a prime
    bool sticky = false;               ///< new flows from one client address go to one backend
    Track track = Track::just_enough;
    std::chrono::milliseconds idle{120'000};  ///< a flow is forgotten after this time without a packet
    std::optional<HealthCheck> health;        ///< absent: all backends count as up
    ServiceAnnounce announce;
    std::vector<Backend> backends;
    bool operator==(const Service&) const = default;
};

}  // namespace culvert::lbd
