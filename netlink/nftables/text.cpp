// SPDX-License-Identifier: Apache-2.0
#include "netlink/nftables/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/if.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace culvert::netlink::nft {

namespace {

/// How nft writes the values of a field.
enum class Notation : std::uint8_t { number, host_order, handle, address, name, family, route_type, presence };

/// The content of a register: a field of the packet, or (without text) the bytes of an Immediate.
struct Operand {
    std::string text;
    Notation notation = Notation::number;
    std::uint32_t length = 0;  ///< bytes of the whole field
    std::uint32_t shift = 0;   ///< bits behind the field in the loaded bytes
    Bytes data{};
    std::optional<std::size_t> prefix{};  ///< number of significant bits, if only the first ones are
};

struct NamedField {
    Family family;
    std::uint32_t offset;
    std::uint32_t length;
    const char* text;
};

constexpr std::array<NamedField, 4> addresses{{
    {Family::ipv4, offsetof(iphdr, saddr), 4, "ip saddr"},
    {Family::ipv4, offsetof(iphdr, daddr), 4, "ip daddr"},
    {Family::ipv6, offsetof(ipv6hdr, saddr), 16, "ip6 saddr"},
    {Family::ipv6, offsetof(ipv6hdr, daddr), 16, "ip6 daddr"},
}};

std::string hex(const Bytes& bytes) {
    std::string text = "0x";
    for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
    return text;
}

std::string dotted(Bytes bytes, std::uint32_t length) {
    bytes.resize(length);
    const auto address = IpAddress::from_bytes(bytes);
    return address ? address->to_string() : hex(bytes);
}

std::uint64_t big_endian(const Bytes& bytes) {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : bytes) number = number << 8 | byte;
    return number;
}

std::uint32_t host_order(const Bytes& bytes) {
    std::uint32_t number = 0;
    std::memcpy(&number, bytes.data(), std::min(bytes.size(), sizeof number));
    return number;
}

/// A class of traffic, as tc writes it: tc(8), HANDLES.
std::string handle_of(const Bytes& bytes) {
    const std::uint32_t number = host_order(bytes);
    return number == 0 ? "none" : fmt::format("{:x}:{:x}", number >> 16, number & 0xffff);
}

std::string hex_number_of(const Bytes& bytes) { return fmt::format("{:#x}", host_order(bytes)); }

Bytes either(Bytes bits, const Bytes& others) {
    for (std::size_t i = 0; i < bits.size() && i < others.size(); ++i)
        bits[i] = static_cast<std::uint8_t>(bits[i] | others[i]);
    return bits;
}

/// The number of set bits, if those are the first ones.
std::optional<std::size_t> prefix_length(const Bytes& mask) {
    std::size_t length = 0;
    for (const std::uint8_t byte : mask) length += static_cast<std::size_t>(std::countl_one(byte));
    std::size_t ones = 0;
    for (const std::uint8_t byte : mask) ones += static_cast<std::size_t>(std::popcount(byte));
    for (std::size_t bit = 0; bit < length; ++bit)
        if ((mask[bit / 8] & 0x80U >> bit % 8) == 0) return std::nullopt;
    return ones == length ? std::optional(length) : std::nullopt;
}

std::string name_of(const Bytes& bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return fmt::format("\"{}{}\"", text.substr(0, text.find('\0')), bytes.size() < IFNAMSIZ ? "*" : "");
}

std::string family_of(const Bytes& bytes) {
    const std::uint64_t number = big_endian(bytes);
    return number == NFPROTO_IPV4 ? "ipv4" : number == NFPROTO_IPV6 ? "ipv6" : std::to_string(number);
}

std::string route_type_of(const Bytes& bytes) {
    const std::uint32_t number = host_order(bytes);
    return number == RTN_LOCAL ? "local" : std::to_string(number);
}

std::string value_of(const Operand& operand, const Bytes& data) {
    switch (operand.notation) {
        case Notation::number:
            return data.size() > sizeof(std::uint64_t) ? hex(data) : std::to_string(big_endian(data) >> operand.shift);
        case Notation::host_order:
            return std::to_string(host_order(data));
        case Notation::handle:
            return handle_of(data);
        case Notation::address: {
            const std::size_t bits = operand.prefix.value_or(data.size() * 8);
            const std::string address = dotted(data, operand.length);
            return bits == operand.length * 8UL ? address : fmt::format("{}/{}", address, bits);
        }
        case Notation::name:
            return name_of(data);
        case Notation::family:
            return family_of(data);
        case Notation::route_type:
            return route_type_of(data);
        case Notation::presence:
            return host_order(data) == 0 ? "missing" : "exists";
    }
    return {};
}

/// Walks a rule's expressions. Every kind has its call operator, so a new kind without one does not compile.
class RuleText {
  public:
    explicit RuleText(TableFamily table) {
        if (table != TableFamily::inet) family_ = table == TableFamily::ipv4 ? Family::ipv4 : Family::ipv6;
    }

    std::string operator()(const Rule& rule) {
        for (const Expression& expression : rule.expressions) std::visit(*this, expression);
        if (!rule.comment.empty()) say(fmt::format("comment \"{}\"", rule.comment));
        return std::move(text_);
    }

    void operator()(const Meta& meta) { registers_[meta.into] = property(meta.key); }

    void operator()(const MetaStore& store) {
        say(fmt::format("{} set {}", property(store.key).text, registers_[store.from].text));
    }

    void operator()(const PayloadLoad& load) { registers_[load.into] = field(load.header, load.offset, load.length); }

    void operator()(const PayloadStore& store) {
        const Operand target = field(store.header, store.offset, store.length);
        say(fmt::format("{} set {}", target.text, value_of(target, registers_[store.from].data)));
    }

    void operator()(const Bitwise& bitwise) {
        Operand& operand = registers_[bitwise.into] = registers_[bitwise.from];
        const bool plain = std::ranges::all_of(bitwise.xor_with, [](std::uint8_t byte) { return byte == 0; });
        const bool is_dscp4 = operand.text == "@nh,8,8" && bitwise.mask == Bytes{0xfc};
        const bool is_dscp6 = operand.text == "@nh,0,16" && bitwise.mask == Bytes{0x0f, 0xc0};
        if (plain && family_ == Family::ipv4 && is_dscp4) {
            operand = {.text = "ip dscp", .length = 1, .shift = 2};
        } else if (plain && family_ == Family::ipv6 && is_dscp6) {
            operand = {.text = "ip6 dscp", .length = 2, .shift = 6};
        } else if (plain && operand.text == fragment_offset && bitwise.mask == Bytes{0xff, 0xf8}) {
            operand = {.text = "frag frag-off", .length = 2, .shift = 3};
        } else if (const auto length = prefix_length(bitwise.mask);
                   plain && length && operand.notation == Notation::address) {
            operand.prefix = length;
        } else if (operand.notation == Notation::handle || operand.notation == Notation::host_order) {
            // The mask has cleared these bits, so xor is or.
            const auto bits = operand.notation == Notation::handle ? handle_of : hex_number_of;
            operand.text += " & " + bits(either(bitwise.mask, bitwise.xor_with));
            if (!plain) operand.text += " | " + bits(bitwise.xor_with);
        } else {
            operand.text += " & " + hex(bitwise.mask);
            if (!plain) operand.text = fmt::format("({}) ^ {}", operand.text, hex(bitwise.xor_with));
        }
    }

    void operator()(const Compare& compare) {
        const Operand& operand = registers_[compare.from];
        const std::string_view unless = compare.comparison == Comparison::neq ? "!= " : "";
        say(fmt::format("{} {}{}", operand.text, unless, value_of(operand, compare.data)));
        if (operand.notation == Notation::family && compare.comparison == Comparison::eq)
            family_ = big_endian(compare.data) == NFPROTO_IPV4 ? Family::ipv4 : Family::ipv6;
    }

    void operator()(const Immediate& immediate) { registers_[immediate.into] = {.data = immediate.data}; }

    void operator()(const Lookup& lookup) {
        say(fmt::format("{} {}@{}", registers_[lookup.from].text, lookup.inverted ? "!= " : "", lookup.set));
    }

    void operator()(const Fib& fib) {
        const bool present = (fib.flags & NFTA_FIB_F_PRESENT) != 0;
        const bool type = fib.result == NFT_FIB_RESULT_ADDRTYPE;
        registers_[fib.into] = {
            .text = fmt::format("fib {} {}", fmt::join(fib_keys(fib.flags), " . "), type ? "type" : "oif"),
            .notation = present ? Notation::presence
                        : type  ? Notation::route_type
                                : Notation::host_order,
            .length = 4};
        if (!type && fib.result != NFT_FIB_RESULT_OIF) registers_[fib.into].text = fmt::format("<fib {}>", fib.result);
    }

    void operator()(const Limit& limit) {
        const auto* const unit = std::ranges::find(units, limit.unit, &std::pair<std::uint64_t, const char*>::first);
        say(fmt::format("limit rate {}/{} burst {} packets", limit.rate, unit == units.end() ? "<unit>" : unit->second,
                        limit.burst));
    }

    void operator()(const Log& log) {
        say("log");
        if (!log.prefix.empty()) say(fmt::format("prefix \"{}\"", log.prefix));
        say(fmt::format("level {}", log.level < levels.size() ? levels.at(log.level) : "<level>"));
    }

    void operator()(const ExtensionLoad& load) {
        const bool is_offset = load.kind == IPPROTO_FRAGMENT && load.offset == 2 && load.length == 2;
        registers_[load.into] = {.text = is_offset ? fragment_offset : fmt::format("<extension header {}>", load.kind),
                                 .length = load.length};
    }

    void operator()(const TcpOptionStore& store) {
        const bool is_mss = store.kind == TCPOPT_MAXSEG && store.offset == 2 && store.length == 2;
        const std::string field = is_mss ? "tcp option maxseg size" : fmt::format("<tcp option {}>", store.kind);
        say(fmt::format("{} set {}", field, big_endian(registers_[store.from].data)));
    }

    void operator()(const Counter&) { say("counter"); }
    void operator()(const Notrack&) { say("notrack"); }

    void operator()(const Verdict& verdict) {
        switch (verdict.code) {
            case NF_ACCEPT:
                return say("accept");
            case NF_DROP:
                return say("drop");
            case NFT_RETURN:
                return say("return");
            case NFT_JUMP:
                return say("jump " + verdict.chain);
            case NFT_GOTO:
                return say("goto " + verdict.chain);
            default:
                return say(fmt::format("<verdict {}>", verdict.code));
        }
    }

    void operator()(const Foreign& foreign) { say(fmt::format("<{}>", foreign.name)); }

  private:
    /// And the three bits behind it.
    static inline const std::string fragment_offset = "<fragment offset>";
    static constexpr std::array<std::pair<std::uint64_t, const char*>, 5> units{
        {{1, "second"}, {60, "minute"}, {3600, "hour"}, {86400, "day"}, {604800, "week"}}};
    /// By NFT_LOGLEVEL_
    static constexpr std::array<const char*, 9> levels{"emerg",  "alert", "crit",  "err",  "warn",
                                                       "notice", "info",  "debug", "audit"};

    static std::vector<std::string_view> fib_keys(std::uint32_t flags) {
        constexpr std::array<std::pair<std::uint32_t, std::string_view>, 5> names{{{NFTA_FIB_F_SADDR, "saddr"},
                                                                                   {NFTA_FIB_F_DADDR, "daddr"},
                                                                                   {NFTA_FIB_F_MARK, "mark"},
                                                                                   {NFTA_FIB_F_IIF, "iif"},
                                                                                   {NFTA_FIB_F_OIF, "oif"}}};
        std::vector<std::string_view> keys;
        for (const auto& [flag, name] : names)
            if ((flags & flag) != 0) keys.push_back(name);
        return keys;
    }

    void say(std::string_view words) {
        if (!text_.empty()) text_ += ' ';
        text_ += words;
    }

    static Operand property(MetaKey key) {
        switch (key) {
            case MetaKey::protocol:
                return {.text = "meta protocol", .length = 2};
            case MetaKey::priority:
                return {.text = "meta priority", .notation = Notation::handle, .length = 4};
            case MetaKey::mark:
                return {.text = "meta mark", .notation = Notation::host_order, .length = 4};
            case MetaKey::iifname:
                return {.text = "iifname", .notation = Notation::name, .length = IFNAMSIZ};
            case MetaKey::iifkind:
                return {.text = "meta iifkind", .notation = Notation::name, .length = IFNAMSIZ};
            case MetaKey::nfproto:
                return {.text = "meta nfproto", .notation = Notation::family, .length = 1};
            case MetaKey::l4proto:
                return {.text = "meta l4proto", .length = 1};
        }
        return {.text = fmt::format("<meta {}>", static_cast<std::uint32_t>(key))};
    }

    /// Only the significant bytes of an address may have been loaded.
    Operand field(Header header, std::uint32_t offset, std::uint32_t length) const {
        const auto* const address = std::ranges::find_if(addresses, [&](const NamedField& named) {
            return header == Header::network && named.family == family_ && named.offset == offset &&
                   length <= named.length;
        });
        if (address != addresses.end())
            return {.text = address->text, .notation = Notation::address, .length = address->length};
        if (header == Header::transport && length == 2 && offset <= 2)
            return {.text = offset == 0 ? "th sport" : "th dport", .length = 2};
        return {.text = fmt::format("@{},{},{}", header == Header::network ? "nh" : "th", offset * 8, length * 8),
                .length = length};
    }

    std::optional<Family> family_;
    std::map<Register, Operand> registers_;
    std::string text_;
};

std::string type_of(KeyType key) {
    switch (key) {
        case KeyType::ipv4_addr:
            return "ipv4_addr";
        case KeyType::ipv6_addr:
            return "ipv6_addr";
        case KeyType::ifname:
            return "ifname";
    }
    return fmt::format("<type {}>", static_cast<std::uint32_t>(key));
}

std::string element_of(const Interval& interval, const Set& set) {
    if (set.key == KeyType::ifname) return name_of(interval.first);
    const std::string first = dotted(interval.first, set.key_length);
    if (interval.first == interval.last) return first;
    Bytes same(interval.first.size());
    for (std::size_t i = 0; i < same.size(); ++i)
        same[i] = static_cast<std::uint8_t>(~(interval.first[i] ^ interval.last[i]));
    const auto length = prefix_length(same);
    const auto address = IpAddress::from_bytes(interval.first);
    const bool starts_there = length && address && address->masked(static_cast<std::uint8_t>(*length)) == address;
    return starts_there ? fmt::format("{}/{}", first, *length)
                        : fmt::format("{}-{}", first, dotted(interval.last, set.key_length));
}

std::string set_text(const std::string& name, const Set& set) {
    std::string text = fmt::format("    set {} {{\n        type {}\n", name, type_of(set.key));
    if ((set.flags & NFT_SET_INTERVAL) != 0) text += "        flags interval\n";
    for (const Interval& interval : set.elements)
        text +=
            fmt::format("{}{}", &interval == set.elements.data() ? "        elements = { " : ",\n                     ",
                        element_of(interval, set));
    return text + (set.elements.empty() ? "    }\n" : " }\n    }\n");
}

std::string hook_text(const Hook& hook) {
    constexpr std::array points{"prerouting", "input", "forward", "output", "postrouting"};
    return fmt::format("        type {} hook {} priority {}; policy {};\n", hook.type,
                       points.at(static_cast<std::size_t>(hook.point)), hook.priority,
                       hook.policy == Policy::drop ? "drop" : "accept");
}

std::string chain_text(const std::string& name, const Chain& chain, TableFamily family) {
    std::string text = fmt::format("    chain {} {{\n", name);
    if (chain.hook) text += hook_text(*chain.hook);
    for (const Rule& rule : chain.rules) text += fmt::format("        {}\n", RuleText(family)(rule));
    return text + "    }\n";
}

std::string_view name_of(TableFamily family) {
    return family == TableFamily::inet ? "inet" : family == TableFamily::ipv4 ? "ip" : "ip6";
}

}  // namespace

std::string to_text(const Table& table) {
    std::string text = fmt::format("table {} {} {{\n", name_of(table.family), table.name);
    if ((table.flags & NFT_TABLE_F_DORMANT) != 0) text += "    flags dormant\n";
    for (const auto& [name, set] : table.sets) text += set_text(name, set);
    for (const auto& [name, chain] : table.chains) text += chain_text(name, chain, table.family);
    return text + "}\n";
}

}  // namespace culvert::netlink::nft
