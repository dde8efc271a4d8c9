// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lbd/encap/encap.hpp"
#include "netlink/address.hpp"

/// A service, as plain values.
namespace culvert::lbd {

using netlink::Family;
using netlink::IpAddress;

/// IANA protocol numbers.
enum class Protocol : std::uint8_t { tcp = 6, udp = 17, sctp = 132 };

/// The name in the configuration: "tcp".
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

/// Ports of one protocol, in host order; port 0 stands for all ports that no other service of the VIP has.
struct PortSpec {
    Protocol protocol = Protocol::tcp;
    std::uint16_t port = 0;
    std::uint16_t last = port;  ///< of a range
    auto operator<=>(const PortSpec&) const = default;
};

/// "53/udp", "8000-8099/tcp", "any/tcp"
[[nodiscard]] std::string to_string(const PortSpec& port);

/// Whether the two have a port in common. Port 0, which stands for others, is none.
[[nodiscard]] constexpr bool overlap(const PortSpec& a, const PortSpec& b) {
    return a.protocol == b.protocol && a.port <= b.last && b.port <= a.last;
}

/// The address of a service, or a network all of whose addresses are the service's.
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

/// What the time of a flow table entry can tell apart.
inline constexpr std::chrono::hours longest_idle{2};

enum class BackendState : std::uint8_t {
    active,
    drain,          ///< keeps its flows, takes no new ones
    sorry,          ///< takes flows only while the service has too few others: it says so to clients
    drained_sorry,  ///< it would, but somebody has drained it
};

struct Backend {
    std::string name;  ///< the address' text unless the configuration gives one; unique in its service
    IpAddress address;
    Encap encap;
    std::uint16_t weight = 1;  ///< 0: takes no new flows
    BackendState state = BackendState::active;
    bool operator==(const Backend&) const = default;
};

/// The connection is accepted.
struct TcpCheck {
    bool operator==(const TcpCheck&) const = default;
};
/// A SYN is answered; no connection is made.
struct SynCheck {
    bool operator==(const SynCheck&) const = default;
};
/// HTTP status codes, both inclusive.
struct StatusRange {
    std::uint16_t first = 200;
    std::uint16_t last = 399;
    bool operator==(const StatusRange&) const = default;
};
/// GET is answered by one of these statuses, with the text in its body.
struct HttpCheck {
    bool tls = false;
    bool verify = false;  ///< the certificate, against this host's authorities and `host`
    std::string host;     ///< in the URL and the TLS handshake (SNI); empty: the VIP
    std::string path = "/";
    std::vector<StatusRange> status{{}};
    std::string match;  ///< within the first 64 KiB
    bool operator==(const HttpCheck&) const = default;
};
/// A query is answered without an error.
struct DnsCheck {
    std::string name;
    std::uint16_t record = 1;  ///< type, IANA number; 1: A
    bool tcp = false;
    bool operator==(const DnsCheck&) const = default;
};
/// The VIP answers an echo.
struct IcmpCheck {
    bool operator==(const IcmpCheck&) const = default;
};
/// A program ends with status 0.
struct ScriptCheck {
    std::vector<std::string> command;  ///< program and arguments; not empty
    bool operator==(const ScriptCheck&) const = default;
};
using CheckKind = std::variant<TcpCheck, SynCheck, HttpCheck, DnsCheck, IcmpCheck, ScriptCheck>;

/// What becomes of the flows of a backend that fails.
enum class OnFailure : std::uint8_t {
    move,  ///< each chooses another one
    keep,  ///< they stay, should it come back in time
};

/// How it is found out whether backends serve, and what follows from it.
struct HealthCheck {
    CheckKind kind;
    std::uint16_t port = 0;  ///< host order; 0: the first of the service
    std::chrono::milliseconds interval{2'000};
    std::chrono::milliseconds timeout{1'000};  ///< no longer than the interval
    std::uint16_t rise = 2;                    ///< answers in a row that bring a backend back
    std::uint16_t fall = 3;                    ///< failures in a row that take it out
    OnFailure on_failure = OnFailure::move;
    std::uint16_t minimum = 1;               ///< backends that are up, below which the service is down
    std::chrono::milliseconds slow_start{};  ///< in which the weight of one that came back grows
    bool operator==(const HealthCheck&) const = default;
};

struct Service {
    std::string name;  ///< unique
    Vip vip;
    std::vector<PortSpec> ports;              ///< not empty, no two overlap
    std::uint32_t table_size = 65537;         ///< Maglev table entries, a prime
    bool sticky = false;                      ///< new flows of one client address go to one backend
    std::chrono::milliseconds idle{120'000};  ///< a flow is forgotten after so long without a packet
    std::optional<HealthCheck> health;        ///< none: backends are taken to be up
    std::vector<Backend> backends;
    bool operator==(const Service&) const = default;
};

}  // namespace culvert::lbd
