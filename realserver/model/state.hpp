// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/fou.hpp"
#include "netlink/nftables/table.hpp"
#include "netlink/sysctl.hpp"
#include "netlink/tunnel.hpp"
#include "realserver/model/decap.hpp"
#include "realserver/model/device.hpp"

/// The parts of a backend's kernel that we set, as one flat map. The desired state, the current state and the former
/// state all have this type, so plan, undo, record and show are loops over it.
namespace culvert::realserver {

/// A loaded kernel module. It is never unloaded, as other namespaces may use it.
struct Module {
    std::string name;
    bool operator==(const Module&) const = default;
};

/// Whether a network device is up.
struct Link {
    std::string device;
    bool up = false;
    bool operator==(const Link&) const = default;
};

/// What an ip6tnl device accepts: IPv4, IPv6 or both.
struct TunnelMode {
    std::string device;
    netlink::TunnelInner inner = netlink::TunnelInner::any;
    bool operator==(const TunnelMode&) const = default;
};

struct Sysctl {
    netlink::SysctlKey key;
    long value = 0;
    bool operator==(const Sysctl&) const = default;
};

/// Addresses that this host accepts as its own: a host address is added to lo, a network is a local route there.
struct Vip {
    /// The attributes with which somebody else added it; for a route only the protocol counts.
    struct Manner {
        std::uint8_t length = 0;    ///< prefix length of the address
        std::uint8_t scope = 0;     ///< RT_SCOPE_* of linux/rtnetlink.h
        std::uint32_t flags = 0;    ///< IFA_F_* of linux/if_addr.h
        std::string label;          ///< IPv4 only
        std::uint8_t protocol = 0;  ///< IFAPROT_*, or RTPROT_* for a route
        bool operator==(const Manner&) const = default;
    };
    netlink::Prefix prefix;
    std::optional<Manner> manner{};  ///< none: ours
    /// A VIP works with any attributes.
    bool operator==(const Vip& other) const { return prefix == other.prefix; }
};

/// A table of nf_tables.
struct Ruleset {
    netlink::nft::Table table;
    bool operator==(const Ruleset&) const = default;
};

/// A UDP port on which the kernel decapsulates FOU or GUE.
struct Port {
    netlink::FouPort port;  ///< without `link`
    std::string device;     ///< that packets must arrive at; empty: any
    bool operator==(const Port&) const = default;
};

using Item = std::variant<Module, Device, Sysctl, Vip, Ruleset, TunnelMode, Link, Decap, Port>;

/// The alternatives of Item. Their order is the order of setup, and has no other meaning: order.hpp has the other
/// orders.
enum class Kind : std::uint8_t { module, device, sysctl, vip, table, mode, link, decap, port };

template <Kind kind>
using ItemOf = std::variant_alternative_t<static_cast<std::size_t>(kind), Item>;
static_assert(std::is_same_v<ItemOf<Kind::module>, Module> && std::is_same_v<ItemOf<Kind::device>, Device> &&
              std::is_same_v<ItemOf<Kind::sysctl>, Sysctl> && std::is_same_v<ItemOf<Kind::vip>, Vip> &&
              std::is_same_v<ItemOf<Kind::table>, Ruleset> && std::is_same_v<ItemOf<Kind::mode>, TunnelMode> &&
              std::is_same_v<ItemOf<Kind::link>, Link> && std::is_same_v<ItemOf<Kind::decap>, Decap> &&
              std::is_same_v<ItemOf<Kind::port>, Port>);

/// Identifies a setting, whatever its value. The keys of a host's items are unique.
struct Key {
    Kind kind;
    std::string name;  ///< "ipip", "net.ipv4.conf.all.rp_filter", "192.0.2.1", "5080/udp over ipv4"
    auto operator<=>(const Key&) const = default;
    [[nodiscard]] std::string to_string() const;  ///< "port 5080/udp over ipv4"
};

[[nodiscard]] Kind kind_of(const Item& item);
[[nodiscard]] std::string_view name(Kind kind);
/// Whether the kernel always has such a setting, and only its value changes. Other items are added and removed.
[[nodiscard]] bool is_setting(Kind kind);
[[nodiscard]] Key key(const Item& item);
/// The value in words: "up", "0", "gue"; empty if the item has no value.
[[nodiscard]] std::string value(const Item& item);

/// The settings that the kernel adds and removes with a network device.
[[nodiscard]] std::vector<Key> settings_of(const std::string& device);

using HostState = std::map<Key, Item>;

void put(HostState& state, Item item);
/// The item under `key`, if the state has one.
[[nodiscard]] std::optional<Item> find(const HostState& state, const Key& key);

/// A tunnel device that is in another network namespace than its outer packets.
struct SplitTunnel {
    std::string device;
    netlink::Tunnel parameters;
    bool up = false;
    /// Where the device is, as an id of `ip netns list-id`; its outer packets are here. None: the device is here.
    std::optional<std::int32_t> netns{};
    bool operator==(const SplitTunnel&) const = default;
};

/// Parts of the host that are not ours to set, but that the desired state depends on.
struct Surroundings {
    std::set<std::string> absent_modules;    ///< that this kernel neither has nor can load
    std::set<netlink::IpAddress> addresses;  ///< of this host on any device, without loopback and link-local
    std::set<netlink::Prefix> networks;      ///< of its addresses (with host bits), on devices other than lo
    std::set<netlink::IpAddress> gateways;   ///< of all routes
    std::vector<SplitTunnel> split_tunnels{};
    std::set<std::uint16_t> ports_of_others{};  ///< of FOU and GUE, in host order
    std::set<std::string> ways_in{};            ///< devices through which packets to the balancers leave
    std::optional<std::uint32_t> link_mtu{};    ///< bytes: the smallest of the links that lead to the balancers
    bool operator==(const Surroundings&) const = default;
};

/// The current state.
struct Observed {
    HostState state;
    /// Items that the kernel itself marks as ours: by protocol number, table name, alias or pin.
    std::set<Key> marked;
    Surroundings around;
    bool operator==(const Observed&) const = default;
};

/// The change of one setting from one value to another by one request to the kernel. Without a value, it doesn't exist.
struct Change {
    std::optional<Item> before;
    std::optional<Item> after;

    bool operator==(const Change&) const = default;

    [[nodiscard]] Kind kind() const;
    [[nodiscard]] Key key() const;
    [[nodiscard]] Change inverse() const { return {after, before}; }
    /// "add", "remove", "change"
    [[nodiscard]] std::string_view verb() const;
    /// "+ port 5080/udp over ipv4: gue", "~ link tunl0: down -> up", "- vip 192.0.2.1"
    [[nodiscard]] std::string to_string() const;
};

}  // namespace culvert::realserver
