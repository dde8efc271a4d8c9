// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/reference.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <span>
#include <utility>

#include "lbd/model/reasons.hpp"

namespace culvert::packet {
namespace {

using netlink::IpAddress;

enum class Kind { whole, first_fragment, later_fragment, icmp_error };

constexpr std::uint8_t icmp = 1, tcp = 6, udp = 17, icmp6 = 58, sctp = 132;
constexpr std::size_t most_extensions = 4;

std::uint16_t u16(const Bytes& bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes.at(at) << 8 | bytes.at(at + 1));
}

void set_u16(Bytes& bytes, std::size_t at, std::size_t value) {
    bytes.at(at) = static_cast<std::uint8_t>(value >> 8);
    bytes.at(at + 1) = static_cast<std::uint8_t>(value);
}

/// In little-endian order.
std::uint32_t word(const Bytes& bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;) value = value << 8 | bytes.at(at + i);
    return value;
}

Bytes slice(const Bytes& bytes, std::size_t from, std::size_t length) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(from);
    return {begin, begin + static_cast<std::ptrdiff_t>(length)};
}

Bytes operator+(Bytes front, const Bytes& back) {
    front.insert(front.end(), back.begin(), back.end());
    return front;
}

Bytes to_bytes(const IpAddress& address) { return {address.bytes().begin(), address.bytes().end()}; }

IpAddress address_at(const Bytes& bytes, std::size_t at, std::size_t length) {
    return IpAddress::from_bytes(slice(bytes, at, length)).value();
}

void set_checksum4(Bytes& ip) {
    set_u16(ip, 10, 0);
    set_u16(ip, 10, internet_checksum(std::span(ip).first(20)));
}

/// With the pseudo-header of the family.
std::uint16_t l4_checksum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                          const Bytes& l4) {
    Bytes covered = to_bytes(source) + to_bytes(destination) + Bytes{0, protocol};
    covered.resize(covered.size() + 2);
    set_u16(covered, covered.size() - 2, l4.size());
    return internet_checksum(covered + l4);
}

/// Position of the checksum in TCP, UDP and ICMPv6. Those of ICMP and SCTP have no pseudo-header.
std::optional<std::size_t> checksum_offset(std::uint8_t protocol) {
    if (protocol == tcp) return 16;
    if (protocol == udp) return 6;
    if (protocol == icmp6) return 2;
    return std::nullopt;
}

/// A checksum, right or wrong, after the 16-bit words that it covers changed (RFC 1624, equation 3).
std::uint16_t updated(std::uint16_t checksum, const Bytes& before, const Bytes& after) {
    std::uint32_t sum = static_cast<std::uint16_t>(~checksum);
    for (std::size_t i = 0; i < before.size(); i += 2)
        sum += static_cast<std::uint16_t>(~u16(before, i)) + std::uint32_t{u16(after, i)};
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

bool has_ports(std::uint8_t protocol) { return protocol == tcp || protocol == udp || protocol == sctp; }

bool is_extension(std::uint8_t next) {
    static const std::set<std::uint8_t> extensions{0, 43, 44, 51, 60, 135, 139, 140};
    return extensions.contains(next);
}

/// The result of walking an IPv6 packet's extension headers.
struct Extensions {
    const char* fault = nullptr;  ///< why their end isn't found, or is refused
    std::uint8_t next = 0;
    std::size_t end = 0;  ///< offset of what follows them in the frame
    Kind kind = Kind::whole;
    std::uint32_t id = 0;  ///< of the fragments
};

Extensions walk_extensions(const Bytes& frame, std::size_t l3) {
    Extensions walk{.next = frame.at(l3 + 6), .end = l3 + 40};
    const auto fails = [](const char* reason) { return Extensions{.fault = reason}; };
    for (std::size_t seen = 0; is_extension(walk.next) && walk.kind != Kind::later_fragment; ++seen) {
        if (seen == most_extensions) return fails("ip_options");
        if (walk.end + 8 > frame.size()) return fails("truncated");
        const std::uint8_t next = frame.at(walk.end);
        std::size_t length = 8 + 8U * frame.at(walk.end + 1);
        switch (walk.next) {
            case 43:  // routing: only with no segments left
                if (frame.at(walk.end + 3) != 0) return fails("ip_options");
                break;
            case 44: {
                const std::uint16_t fragment = u16(frame, walk.end + 2);
                if (fragment >> 3 != 0)
                    walk.kind = Kind::later_fragment;
                else if ((fragment & 1) != 0)
                    walk.kind = Kind::first_fragment;
                walk.id = word(frame, walk.end + 4);
                length = 8;
                break;
            }
            case 51:  // authentication
                return fails("ip_options");
            default:
                break;
        }
        walk.end += length;
        if (walk.end - l3 > 255) return fails("ip_options");
        walk.next = next;
    }
    return walk;
}

bool is_tag(std::uint16_t type) { return type == 0x8100 || type == 0x88a8; }

Outcome drop(const std::string& reason) { return {"drop: " + reason, {}}; }

}  // namespace

struct Reference::Parsed {
    Bytes frame;
    std::size_t l3 = 14;  ///< offset of the IP header
    bool is_v6 = false;
    IpAddress source, destination;
    Kind kind = Kind::whole;
    std::uint8_t protocol = 0;
    std::size_t l4 = 0;      ///< offset of what follows the IP headers
    std::size_t length = 0;  ///< of the IP packet
    std::uint64_t hash = 0, fragments = 0, choice = 0;
    const Service* service = nullptr;
    bool opening = false, opens = false, closing = false;
    bool has_full_checksum = false;  ///< it covers everything behind the IP header

    [[nodiscard]] std::size_t l4_length() const { return l3 + length - l4; }
    [[nodiscard]] bool may_be_answered() const { return kind == Kind::whole || kind == Kind::first_fragment; }
    [[nodiscard]] std::uint8_t tos() const {
        return static_cast<std::uint8_t>(is_v6 ? u16(frame, l3) >> 4 : frame.at(l3 + 1));
    }
    [[nodiscard]] bool runs_out() const { return frame.at(l3 + (is_v6 ? 7 : 8)) <= 1; }
};

Reference::Reference(const lb_config& config, std::uint32_t buckets) : config_(config), buckets_(buckets) {}

void Reference::serve(const std::string& vip, lbd::Protocol protocol, std::uint16_t port,
                      const std::vector<std::uint16_t>& ring, std::uint32_t flags) {
    services_.push_back({netlink::Prefix::parse(vip).value(), static_cast<std::uint8_t>(protocol), port, ring,
                         (flags & LB_SERVICE_STICKY) != 0, (flags & LB_SERVICE_EACH) != 0,
                         (flags & LB_SERVICE_NEVER) != 0});
}

lb_counters Reference::counters(std::uint32_t dest) const {
    const auto found = counters_.find(dest);
    return found == counters_.end() ? lb_counters{} : found->second;
}

std::optional<netlink::Prefix> Reference::vip_of(const IpAddress& address) const {
    std::optional<netlink::Prefix> longest;
    for (const Service& service : services_)
        if (service.vip.address.family() == address.family() && service.vip.contains(address) &&
            (!longest || service.vip.length > longest->length))
            longest = service.vip;
    return longest;
}

const Reference::Service* Reference::find(const IpAddress& address, std::uint8_t protocol, std::uint16_t port) const {
    const auto vip = vip_of(address);
    for (const std::uint16_t wanted : {port, std::uint16_t{0}})
        for (const Service& service : services_)
            if (service.vip == vip && service.protocol == protocol && service.port == wanted) return &service;
    return nullptr;
}

// NH of UMAC (RFC 4418, section 5.2) and the finalizer of MurmurHash3.
std::uint64_t Reference::hash(const IpAddress& source, const IpAddress& destination, std::uint32_t ports,
                              std::uint32_t protocol) const {
    std::vector<std::uint32_t> words;
    const Bytes addresses = to_bytes(source) + to_bytes(destination);
    for (std::size_t i = 0; i < addresses.size(); i += 4) words.push_back(word(addresses, i));
    words.insert(source.is_v4() ? words.end() : words.begin(), {ports, protocol});
    std::uint64_t sum = config_.hash_final, nh = 0;
    for (std::size_t i = 0; i < words.size(); i += 2)
        nh += std::uint64_t{words[i] + config_.hash_key[i]} * (words[i + 1] + config_.hash_key[i + 1]);
    sum ^= nh;
    for (const std::uint64_t factor : {0xff51afd7ed558ccdULL, 0xc4ceb9fe1a85ec53ULL}) sum = (sum ^ sum >> 33) * factor;
    return sum ^ sum >> 33;
}

std::uint64_t Reference::fragments_hash(const Parsed& packet, std::uint32_t id) const {
    const std::uint32_t protocol = packet.is_v6 ? 0 : packet.protocol;
    return hash(packet.source, packet.destination, id, protocol | 0x80000000U);
}

void Reference::set_flow(Parsed& packet, const IpAddress& client, const IpAddress& vip, std::uint32_t ports,
                         std::uint8_t protocol) const {
    packet.hash = packet.choice = hash(client, vip, ports, protocol);
    if (packet.service->sticky) packet.choice = hash(client, client.is_v4() ? IpAddress() : client, 0, 0);
}

/// The frame for a VIP without its tags, if it has only one or two of VLAN 0.
std::optional<Bytes> Reference::without_priority(const Bytes& frame) const {
    if (frame.size() < 22) return std::nullopt;
    std::size_t type = 12;
    while (is_tag(u16(frame, type)) && type < 20) {
        if ((u16(frame, type + 2) & 0xfff) != 0) return std::nullopt;
        type += 4;
    }
    const std::size_t l3 = type + 2;
    const bool is_v6 = u16(frame, type) == 0x86dd, is_ip = is_v6 || u16(frame, type) == 0x0800;
    if (!is_ip || frame.size() < l3 + (is_v6 ? 40 : 20)) return std::nullopt;
    if (!vip_of(is_v6 ? address_at(frame, l3 + 24, 16) : address_at(frame, l3 + 16, 4))) return std::nullopt;
    return slice(frame, 0, 12) + slice(frame, type, frame.size() - type);
}

Outcome Reference::receive(const Bytes& frame) {
    if (std::ranges::count(own_, slice(frame, 0, 6)) == 0) return {"pass", frame};
    Parsed packet{.frame = frame};
    std::uint16_t type = u16(frame, 12);
    if (is_tag(type) && config_.vlan == 0) {
        const auto untagged = without_priority(frame);
        return untagged ? receive(*untagged) : Outcome{"pass", frame};
    }
    if (is_tag(type)) {
        if (frame.size() < 22) return {"pass", frame};
        packet.l3 = is_tag(u16(frame, 16)) ? 22 : 18;
        type = u16(frame, packet.l3 - 2);
    }
    if (type == 0x0800) return receive_ipv4(packet);
    if (type == 0x86dd) return receive_ipv6(packet);
    return {"pass", frame};
}

Outcome Reference::refuse(const Parsed& packet, const char* reason) const {
    if (!vip_of(packet.destination)) return {"pass", packet.frame};
    return drop(reason);
}

std::optional<std::string> Reference::fault(Parsed& packet) {
    const Bytes& frame = packet.frame;
    packet.length = packet.is_v6 ? 40U + u16(frame, packet.l3 + 4) : u16(frame, packet.l3 + 2);
    const std::size_t least = packet.kind == Kind::later_fragment ? 1 : 8;
    if (packet.length < packet.l4 - packet.l3 + least) return "ip_header";
    if (packet.l3 + packet.length > frame.size()) return "truncated";
    if (!packet.is_v6 && internet_checksum(std::span(frame).subspan(packet.l3, 20)) != 0) return "ip_checksum";
    return std::nullopt;
}

Outcome Reference::receive_ipv4(Parsed& packet) {
    const Bytes& frame = packet.frame;
    if (frame.size() < packet.l3 + 20) return {"pass", frame};
    const std::uint8_t first = frame.at(packet.l3);
    packet.source = address_at(frame, packet.l3 + 12, 4);
    packet.destination = address_at(frame, packet.l3 + 16, 4);
    if (first != 0x45) return refuse(packet, first >> 4 == 4 && (first & 15) > 5 ? "ip_options" : "ip_header");
    packet.protocol = frame.at(packet.l3 + 9);
    packet.l4 = packet.l3 + 20;
    if (packet.protocol != icmp && !has_ports(packet.protocol)) return {"pass", frame};
    const unsigned fragment = u16(frame, packet.l3 + 6) & 0x3fff;
    if (fragment != 0) {
        if (packet.protocol == icmp) return refuse(packet, "fragment");
        packet.kind = (fragment & 0x1fff) != 0 ? Kind::later_fragment : Kind::first_fragment;
        packet.fragments = fragments_hash(packet, word(frame, packet.l3 + 4) & 0xffff);
    }
    return receive_l4(packet);
}

Outcome Reference::receive_ipv6(Parsed& packet) {
    const Bytes& frame = packet.frame;
    if (frame.size() < packet.l3 + 40) return {"pass", frame};
    packet.is_v6 = true;
    packet.source = address_at(frame, packet.l3 + 8, 16);
    packet.destination = address_at(frame, packet.l3 + 24, 16);
    if (frame.at(packet.l3) >> 4 != 6) return refuse(packet, "ip_header");
    const Extensions extensions = walk_extensions(frame, packet.l3);
    if (extensions.fault != nullptr) return refuse(packet, extensions.fault);
    packet.protocol = extensions.next;
    packet.kind = extensions.kind;
    packet.l4 = extensions.end;
    if (packet.kind != Kind::whole) packet.fragments = fragments_hash(packet, extensions.id);
    const bool has_extensions = extensions.end != packet.l3 + 40;
    if (packet.kind != Kind::later_fragment) {
        if (packet.protocol != icmp6 && !has_ports(packet.protocol)) return {"pass", frame};
        if (packet.protocol == icmp6 && packet.kind != Kind::whole) return refuse(packet, "fragment");
        if (packet.protocol == icmp6 && has_extensions) return refuse(packet, "ip_options");
    }
    Outcome outcome = receive_l4(packet);
    return outcome;
}

Outcome Reference::receive_l4(Parsed& packet) {
    const Bytes& frame = packet.frame;
    const std::size_t l4 = packet.l4;
    if (packet.kind == Kind::later_fragment) {
        if (!vip_of(packet.destination)) return {"pass", frame};
        if (const auto reason = fault(packet)) return drop(*reason);
        if (packet.runs_out()) return drop("ttl");
        packet.hash = packet.fragments;
        return balance(packet);
    }
    if (l4 + 8 > frame.size()) return refuse(packet, "truncated");
    if (packet.protocol == icmp || packet.protocol == icmp6) return receive_icmp(packet);

    packet.service = find(packet.destination, packet.protocol, u16(frame, l4 + 2));
    if (packet.service == nullptr) return {"pass", frame};
    if (const auto reason = fault(packet)) return drop(*reason);
    if (packet.runs_out()) return answer(packet, "ttl", 0);
    set_flow(packet, packet.source, packet.destination, word(frame, l4), packet.protocol);

    const bool is_whole = packet.kind == Kind::whole;
    const bool has_extensions = packet.is_v6 && l4 != packet.l3 + 40;
    if (packet.protocol == tcp) {
        if (packet.l4_length() < 20) return drop("l4_header");
        const std::size_t header = 4U * (frame.at(l4 + 12) >> 4);
        if (header < 20 || header > packet.l4_length()) return drop("l4_header");
        packet.opening = (frame.at(l4 + 13) & 0x02) != 0;
        packet.opens = (frame.at(l4 + 13) & 0x12) == 0x02;
        packet.closing = (frame.at(l4 + 13) & 0x05) != 0;
        packet.has_full_checksum = is_whole && !has_extensions;
    } else if (packet.protocol == udp) {
        const std::size_t length = u16(frame, l4 + 4);
        if (length < 8 || (is_whole && length > packet.l4_length())) return drop("l4_header");
        packet.has_full_checksum =
            is_whole && !has_extensions && u16(frame, l4 + 6) != 0 && length == packet.l4_length();
    } else {
        if (packet.l4_length() < 16) return drop("l4_header");
        const std::uint8_t chunk = frame.at(l4 + 12);
        packet.opening = packet.opens = chunk == 1;  // INIT
        packet.closing = chunk == 6 || chunk == 14;  // ABORT, SHUTDOWN COMPLETE
    }
    return balance(packet);
}

Outcome Reference::receive_icmp(Parsed& packet) {
    const Bytes& frame = packet.frame;
    const std::uint8_t type = frame.at(packet.l4);
    if (type == (packet.is_v6 ? 128 : 8)) {
        if (!vip_of(packet.destination)) return {"pass", frame};
        if (const auto reason = fault(packet)) return drop(*reason);
        return echo_reply(packet);
    }
    const bool is_error = packet.is_v6 ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12;
    if (!is_error) return {"pass", frame};

    const std::size_t quote = packet.l4 + 8, size = packet.is_v6 ? 16 : 4, header = packet.is_v6 ? 40 : 20;
    if (quote + header > frame.size()) return refuse(packet, "truncated");
    const IpAddress from = address_at(frame, quote + header - 2 * size, size);
    const IpAddress to = address_at(frame, quote + header - size, size);
    const std::uint8_t first = frame.at(quote);
    const bool is_sound = packet.is_v6 ? first >> 4 == 6 : first >> 4 == 4 && (first & 15) >= 5;
    if (!is_sound || from != packet.destination) return refuse(packet, "l4_header");
    Extensions quoted;
    if (packet.is_v6) {
        quoted = walk_extensions(frame, quote);
    } else {
        quoted = {.next = frame.at(quote + 9), .end = quote + 4U * (first & 15)};
        if ((u16(frame, quote + 6) & 0x1fff) != 0) quoted.kind = Kind::later_fragment;
    }
    if (quoted.fault != nullptr) return refuse(packet, quoted.fault);
    if (quoted.end + 4 > frame.size()) return refuse(packet, "truncated");
    if (quoted.kind == Kind::later_fragment) return refuse(packet, "fragment");
    const std::uint8_t protocol = quoted.next;
    packet.service = find(from, protocol, u16(frame, quoted.end));
    if (packet.service == nullptr) return {"pass", frame};
    packet.kind = Kind::icmp_error;
    packet.has_full_checksum = true;
    if (const auto reason = fault(packet)) return drop(*reason);
    if (packet.runs_out()) return drop("ttl");
    const std::uint32_t ports = word(frame, quoted.end);  // as the VIP sent it: swapped
    set_flow(packet, to, from, ports >> 16 | ports << 16, protocol);
    return balance(packet);
}

Outcome Reference::echo_reply(const Parsed& packet) {
    const std::size_t l3 = packet.l3;
    Bytes frame = packet.frame;
    const std::uint8_t net = frame.at(l3 + 12);
    const Bytes no_prefix(8);
    const bool is_host = packet.is_v6 ? frame.at(l3 + 8) != 0xff && slice(frame, l3 + 8, 8) != no_prefix
                                      : net != 0 && net != 127 && net < 224;
    if (!is_host) return drop("ip_header");
    const auto at = [&](std::size_t offset) { return frame.begin() + static_cast<std::ptrdiff_t>(offset); };
    std::swap_ranges(at(0), at(6), at(6));
    const Bytes before = slice(frame, packet.l4, 2),
                after{static_cast<std::uint8_t>(packet.is_v6 ? 129 : 0), before[1]};
    frame.at(packet.l4) = after[0];
    const std::uint16_t checksum = updated(u16(frame, packet.l4 + 2), before, after);
    // An all-zero reply has a checksum of all ones.
    set_u16(frame, packet.l4 + 2, checksum == 0 && !packet.is_v6 ? 0xffff : checksum);
    if (packet.is_v6) {
        std::swap_ranges(at(l3 + 8), at(l3 + 24), at(l3 + 24));
        frame.at(l3 + 7) = 64;
    } else {
        std::swap_ranges(at(l3 + 12), at(l3 + 16), at(l3 + 16));
        frame.at(l3 + 8) = 64;
        Bytes ip = slice(frame, l3, 20);
        set_checksum4(ip);
        std::ranges::copy(ip, at(l3));
    }
    return {"tx", frame};
}

Outcome Reference::answer(const Parsed& packet, const char* reason, std::uint32_t parameter) const {
    const bool is_too_big = std::string_view(reason) == "too_big";
    const Bytes ethernet = slice(packet.frame, 0, packet.l3);
    const Bytes quote = slice(packet.frame, packet.l3, std::min<std::size_t>(packet.length, packet.is_v6 ? 1232 : 548));
    const std::uint8_t net = quote.at(12);
    const bool is_host =
        packet.is_v6 ? quote.at(8) != 0xff && slice(quote, 8, 8) != Bytes(8) : net != 0 && net != 127 && net < 224;
    if (!is_host) return drop(reason);

    Bytes own(packet.is_v6 ? 16 : 4);
    if (packet.is_v6)
        std::memcpy(own.data(), config_.own6_be, 16);
    else
        std::memcpy(own.data(), &config_.own4_be, 4);
    const IpAddress from = is_too_big ? packet.destination : IpAddress::from_bytes(own).value();

    Bytes error{static_cast<std::uint8_t>(packet.is_v6 ? (is_too_big ? 2 : 3) : (is_too_big ? 3 : 11)),
                static_cast<std::uint8_t>(!packet.is_v6 && is_too_big ? 4 : 0)};
    error.resize(8);
    set_u16(error, 6, parameter);
    error = error + quote;
    set_u16(error, 2, packet.is_v6 ? l4_checksum(from, packet.source, icmp6, error) : internet_checksum(error));

    Bytes ip =
        packet.is_v6 ? Bytes{0x60, 0, 0, 0, 0, 0, icmp6, 64} : Bytes{0x45, 0xc0, 0, 0, 0, 0, 0, 0, 64, icmp, 0, 0};
    ip = ip + to_bytes(from) + to_bytes(packet.source);
    set_u16(ip, packet.is_v6 ? 4 : 2, error.size() + (packet.is_v6 ? 0 : 20));
    if (!packet.is_v6) set_checksum4(ip);
    const Bytes back = slice(ethernet, 6, 6) + slice(ethernet, 0, 6) + slice(ethernet, 12, ethernet.size() - 12);
    return {std::string("answered: ") + reason, back + ip + error};
}

Entries& Reference::bucket_of(std::uint64_t hash) { return buckets_.at(hash % buckets_.size()); }

namespace {

std::uint32_t tag_of(std::uint64_t hash) {
    const auto tag = static_cast<std::uint32_t>(hash >> 36);
    return tag ? tag : 1;
}

/// The order of eviction: the flow's own entry, empty ones, fragments, closed flows, flows of one packet, the others.
/// The time is constant, so no flow has lasted.
int readiness(const Entry& entry, std::uint32_t tag) {
    if (entry.tag == tag) return 5;
    if (entry == Entry{}) return 4;
    if (entry.closing) return entry.seen ? 2 : 3;
    return entry.seen ? 0 : 1;
}

}  // namespace

std::uint32_t Reference::look_up(const Parsed& packet) {
    for (Entry& entry : bucket_of(packet.hash)) {
        if (entry.tag != tag_of(packet.hash)) continue;
        if (packet.kind == Kind::icmp_error || packet.kind == Kind::later_fragment) return entry.dest;
        if (packet.opening && entry.closing) {
            entry = {};
            return 0;
        }
        entry.seen = true;
        entry.closing |= packet.closing;
        return entry.dest;
    }
    return 0;
}

void Reference::store(std::uint64_t hash, std::uint32_t dest, bool closing) {
    Entries& entries = bucket_of(hash);
    const std::uint32_t tag = tag_of(hash);
    *std::ranges::max_element(entries, {}, [&](const Entry& entry) { return readiness(entry, tag); }) =
        Entry{.tag = tag, .dest = dest, .closing = closing};
}

Outcome Reference::balance(Parsed& packet) {
    const bool each = packet.service != nullptr && packet.service->each;
    const bool never = packet.service != nullptr && packet.service->never;
    const bool looks = packet.service == nullptr || each || (!packet.opening && !never);
    std::uint32_t id = looks ? look_up(packet) : 0;
    bool is_new = false;
    const bool known = dests_.contains(id);
    const bool sorry = known && (dests_.at(id).flags & LB_DEST_SORRY) != 0 && packet.protocol == udp &&
                       packet.kind != Kind::later_fragment;
    if (!known || sorry) {
        if (packet.service == nullptr) return drop("fragment");
        const auto& ring = packet.service->ring;
        if (ring.empty()) return drop("no_backend");
        id = ring.at(std::uint64_t{tag_of(packet.choice)} * ring.size() >> 28);
        if (!dests_.contains(id)) return drop("no_backend");
        is_new = looks && !packet.opening && !packet.closing && packet.kind != Kind::icmp_error;
    }
    const lb_dest_body& dest = dests_.at(id);
    if (dest.action == LB_ACTION_DROP) return drop(lbd::reasons.at(dest.reason).name.data());
    if (packet.length > dest.mtu)
        return packet.may_be_answered() ? answer(packet, "too_big", dest.mtu) : drop("too_big");
    if (is_new) store(packet.hash, id, false);
    if (packet.kind == Kind::first_fragment) store(packet.fragments, id, true);
    Outcome outcome = forward(packet, dest);
    if (outcome.fate.starts_with("drop")) return outcome;
    lb_counters& counters = counters_[id];
    ++counters.packets;
    counters.bytes += packet.length;
    counters.flows += (each ? is_new : packet.opens) ? 1 : 0;
    return outcome;
}

Outcome Reference::forward(const Parsed& packet, const lb_dest_body& dest) {
    Bytes inner = slice(packet.frame, packet.l3, packet.length);
    Bytes padding = slice(packet.frame, packet.l3 + packet.length, packet.frame.size() - packet.l3 - packet.length);
    const std::size_t l4 = packet.l4 - packet.l3;
    --inner.at(packet.is_v6 ? 7 : 8);
    if (!packet.is_v6) set_checksum4(inner);
    Bytes head(dest.bytes, dest.bytes + dest.head_len);

    if (dest.action == LB_ACTION_L3DSR) {
        const std::size_t size = packet.is_v6 ? 16 : 4, at = packet.is_v6 ? 24 : 16;
        const Bytes before = slice(inner, at, size),
                    after(dest.bytes + dest.head_len, dest.bytes + dest.head_len + size);
        std::ranges::copy(after, inner.begin() + static_cast<std::ptrdiff_t>(at));
        const auto tos = static_cast<std::uint8_t>(dest.dscp << 2 | (packet.tos() & 3));
        if (packet.is_v6)
            set_u16(inner, 0, (u16(inner, 0) & 0xf00fU) | static_cast<unsigned>(tos << 4));
        else
            inner.at(1) = tos;
        if (!packet.is_v6) set_checksum4(inner);
        const auto offset = checksum_offset(packet.protocol);
        const bool is_without =
            packet.protocol == udp && offset && packet.kind != Kind::later_fragment && u16(inner, l4 + *offset) == 0;
        if (offset && packet.kind != Kind::later_fragment && !is_without) {
            const std::uint16_t checksum = updated(u16(inner, l4 + *offset), before, after);
            set_u16(inner, l4 + *offset, checksum == 0 && packet.protocol == udp ? 0xffff : checksum);
        }
    }
    if (dest.action == LB_ACTION_ENCAP) {
        const std::size_t ip = dest.l2_len;
        const bool outer6 = (dest.flags & LB_ENCAP_OUTER6) != 0;
        const std::size_t shim = ip + (outer6 ? 40 : 20), behind = head.size() - shim + inner.size();
        if (outer6) {
            const auto label = static_cast<std::uint32_t>(packet.hash & 0xfffff);
            set_u16(head, ip, 0x6000U | static_cast<unsigned>(packet.tos() << 4) | label >> 16);
            set_u16(head, ip + 2, label & 0xffff);
            set_u16(head, ip + 4, behind);
        } else {
            head.at(ip + 1) = packet.tos();
            set_u16(head, ip + 2, 20 + behind);
            Bytes header = slice(head, ip, 20);
            set_checksum4(header);
            std::ranges::copy(header, head.begin() + static_cast<std::ptrdiff_t>(ip));
        }
        if ((dest.flags & LB_ENCAP_UDP) != 0) {
            set_u16(head, shim, 0xc000U | static_cast<unsigned>(packet.hash >> 48));
            set_u16(head, shim + 4, behind);
        }
        if ((dest.flags & LB_ENCAP_UDP_CSUM) != 0 && (packet.has_full_checksum || outer6)) {
            // The balancer trusts the packet's own checksum: its result is right only if that one is.
            Bytes trusted = inner;
            const bool is_icmp = packet.protocol == icmp;
            if (packet.has_full_checksum) {
                const std::size_t at = l4 + (is_icmp ? 2 : checksum_offset(packet.protocol).value());
                set_u16(trusted, at, 0);
                const Bytes segment = slice(trusted, l4, trusted.size() - l4);
                set_u16(trusted, at,
                        is_icmp ? internet_checksum(segment)
                                : l4_checksum(packet.source, packet.destination, packet.protocol, segment));
            } else {
                padding.clear();
            }
            const std::size_t size = outer6 ? 16 : 4;
            const std::uint16_t checksum =
                l4_checksum(address_at(head, shim - 2 * size, size), address_at(head, shim - size, size), udp,
                            slice(head, shim, head.size() - shim) + trusted);
            set_u16(head, shim + 6, checksum ? checksum : 0xffff);
        }
    }
    if (dest.ifindex == 1) return {"tx", head + inner + padding};
    if (std::ranges::count(ports_, dest.ifindex) == 0) return drop("no_interface");
    return {"redirect", head + inner + padding};
}

}  // namespace culvert::packet
