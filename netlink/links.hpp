// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "netlink/link.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::netlink {

/// Refers to a link by index, or by name or alternative name.
class LinkRef {
  public:
    LinkRef(std::uint32_t index) : index_(index) {}            // NOLINT(google-explicit-constructor)
    LinkRef(std::string name) : name_(std::move(name)) {}      // NOLINT(google-explicit-constructor)
    LinkRef(const char* name) : LinkRef(std::string(name)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] std::uint32_t index() const { return index_; }  ///< 0 if by name
    [[nodiscard]] const std::string& name() const { return name_; }
    /// "eth0", "index 3"
    [[nodiscard]] std::string to_string() const;

  private:
    std::uint32_t index_ = 0;
    std::string name_;
};

struct Dummy {
    bool operator==(const Dummy&) const = default;
};

struct Veth {
    std::string peer;               ///< name of the peer
    std::optional<int> peer_netns;  ///< file descriptor of the peer's network namespace; none: this one

    bool operator==(const Veth&) const = default;
};

/// A device to create.
struct NewLink {
    std::string name;  ///< up to 15 bytes
    std::variant<Dummy, Veth, TunnelDevice> kind;
    std::optional<MacAddress> mac;
    std::optional<std::uint32_t> mtu;  ///< bytes
    bool up = false;

    bool operator==(const NewLink&) const = default;
};

/// Changes of a device, all in one message. A member without a value changes nothing.
struct LinkChange {
    std::optional<bool> up;
    std::optional<std::uint32_t> mtu;  ///< bytes
    std::optional<MacAddress> mac;
    std::optional<std::string> alias;  ///< empty: removes it
    std::optional<int> netns;          ///< file descriptor of the network namespace to move to
    std::optional<Tunnel> tunnel;      ///< all parameters of an IP tunnel; its kind can't change

    bool operator==(const LinkChange&) const = default;
};

/// The network devices of the namespace that `route` (a NETLINK_ROUTE socket, which must outlive this) was opened in.
class Links {
  public:
    explicit Links(Socket& route) : socket_(&route) {}

    [[nodiscard]] Result<std::vector<Link>> dump();
    /// ENODEV if there is none.
    [[nodiscard]] Result<Link> get(const LinkRef& link);
    [[nodiscard]] Result<LinkStats> stats(const LinkRef& link);
    /// EOPNOTSUPP with the module's name if the kernel doesn't know the kind. EEXIST if the name is in use, or for some
    /// tunnels the pair of addresses (the fallback device has any/any).
    [[nodiscard]] Result<> create(const NewLink& link);
    [[nodiscard]] Result<> change(const LinkRef& link, const LinkChange& change);
    [[nodiscard]] Result<> remove(const LinkRef& link);

    /// Runs an XDP program (its file descriptor) until detach_xdp(). `flags`: XDP_FLAGS_* of linux/if_link.h.
    [[nodiscard]] Result<> attach_xdp(const LinkRef& link, int program, std::uint32_t flags);
    /// Detaches that program and no other: EEXIST if the link has another one. Needs the same flags.
    [[nodiscard]] Result<> detach_xdp(const LinkRef& link, int program, std::uint32_t flags);

  private:
    Socket* socket_;
};

}  // namespace culvert::netlink
