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

/// Which link: by index, or by name (an alternative name will do).
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
    std::string peer;               ///< name of the other end
    std::optional<int> peer_netns;  ///< file descriptor of the network namespace it is made in; none: this one

    bool operator==(const Veth&) const = default;
};

/// A device to be made.
struct NewLink {
    std::string name;  ///< up to 15 bytes
    std::variant<Dummy, Veth, Tunnel, Geneve> kind;
    std::optional<MacAddress> mac;
    std::optional<std::uint32_t> mtu;  ///< bytes
    bool up = false;

    bool operator==(const NewLink&) const = default;
};

/// What is to change about a device, all in one message; what has no value stays.
struct LinkChange {
    std::optional<bool> up;
    std::optional<std::uint32_t> mtu;  ///< bytes
    std::optional<MacAddress> mac;
    std::optional<std::string> alias;  ///< empty: takes it away
    std::optional<int> netns;          ///< file descriptor of the network namespace to move to
    std::optional<Tunnel> tunnel;      ///< all parameters of an IP tunnel; its kind cannot change

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
    /// EOPNOTSUPP with the module's name if the kernel does not know the kind; EEXIST if the name, or for some tunnels
    /// the pair of addresses (the fallback device has any/any), is taken.
    [[nodiscard]] Result<> create(const NewLink& link);
    [[nodiscard]] Result<> change(const LinkRef& link, const LinkChange& change);
    [[nodiscard]] Result<> set_up(const LinkRef& link) { return change(link, {.up = true}); }
    [[nodiscard]] Result<> set_down(const LinkRef& link) { return change(link, {.up = false}); }
    [[nodiscard]] Result<> rename(std::uint32_t index, const std::string& name);
    /// A further name, up to 127 bytes, that is as good as the first for looking the link up.
    [[nodiscard]] Result<> add_alternative_name(const LinkRef& link, const std::string& name);
    [[nodiscard]] Result<> remove_alternative_name(const LinkRef& link, const std::string& name);
    [[nodiscard]] Result<> remove(const LinkRef& link);

    /// Runs an XDP program (its file descriptor), until detach_xdp(). `flags`: XDP_FLAGS_* of linux/if_link.h.
    [[nodiscard]] Result<> attach_xdp(const LinkRef& link, int program, std::uint32_t flags);
    /// Takes that program off again, and no other: EEXIST if the link has another one. The same flags.
    [[nodiscard]] Result<> detach_xdp(const LinkRef& link, int program, std::uint32_t flags);

  private:
    Socket* socket_;
};

}  // namespace culvert::netlink
