// SPDX-License-Identifier: Apache-2.0
#include "common/scalars.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "common/dscp.hpp"
#include "common/suggest.hpp"

namespace culvert::common::yaml {
namespace {

using std::chrono::milliseconds;

struct Unit {
    std::string_view suffix;
    std::uint64_t factor;
};

// Largest first: the texts of durations and sizes use the largest unit possible.
constexpr std::array duration_units{Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}, Unit{"ms", 1}};
constexpr std::array size_units{Unit{"G", 1ULL << 30}, Unit{"M", 1ULL << 20}, Unit{"k", 1ULL << 10}, Unit{"", 1}};

/// Reads digits and a unit, as in "4M". Nothing if it is anything else, or too large.
std::optional<std::uint64_t> with_unit(std::string_view text, std::span<const Unit> units) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto unit = std::ranges::find(units, text.substr(digits), &Unit::suffix);
    const auto count = decimal(text.substr(0, digits));
    if (!count || unit == units.end() || *count > std::numeric_limits<std::uint64_t>::max() / unit->factor)
        return std::nullopt;
    return *count * unit->factor;
}

/// Uses the largest unit that divides it.
std::string text_with_unit(std::uint64_t value, std::span<const Unit> units) {
    const auto divides = [value](const Unit& unit) { return value >= unit.factor && value % unit.factor == 0; };
    const auto unit = std::ranges::find_if(units, divides);
    if (unit == units.end()) return fmt::format("{}{}", value, units.back().suffix);
    return fmt::format("{}{}", value / unit->factor, unit->suffix);
}

bool is_mapped_v4(const netlink::IpAddress& address) {
    static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return !address.is_v4() && std::ranges::equal(address.bytes().first(mapped.size()), mapped);
}

std::optional<netlink::IpAddress> in_its_family(const Value& value, const netlink::IpAddress& address) {
    if (!is_mapped_v4(address)) return address;
    const std::string mapped = address.to_string();  // "::ffff:192.0.2.1"
    return value.fail(fmt::format("{} is an IPv4 address written as IPv6: write {}", in_quotes(value.node().text),
                                  mapped.substr(mapped.rfind(':') + 1)));
}

/// "0x1c"
std::optional<std::uint8_t> hexadecimal(std::string_view text) {
    if (!text.starts_with("0x")) return std::nullopt;
    std::uint8_t number = 0;
    const auto [stopped, error] = std::from_chars(text.data() + 2, text.data() + text.size(), number, 16);
    if (text.size() == 2 || error != std::errc{} || stopped != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace

std::optional<std::string> string(const Value& value) {
    const Wanted wanted{"a text", "one line of printable characters"};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (text->empty() || std::ranges::any_of(*text, is_control)) return value.mismatch(wanted);
    return std::string(*text);
}

std::optional<bool> boolean(const Value& value) {
    const Wanted wanted{"a yes-or-no value", "true or false"};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    if (*text == "true") return true;
    if (*text == "false") return false;
    return value.mismatch(wanted);
}

std::optional<std::uint64_t> decimal(std::string_view text) {
    std::uint64_t number = 0;
    const auto* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    const bool leading_zero = text.size() > 1 && text.front() == '0';
    if (text.empty() || error != std::errc{} || stopped != end || leading_zero) return std::nullopt;
    return number;
}

std::optional<std::uint64_t> number_between(const Value& value, std::string_view noun, std::uint64_t least,
                                            std::uint64_t most) {
    const Wanted wanted{std::string(noun), fmt::format("a number from {} to {}", least, most)};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    if (const auto number = decimal(*text); number && *number >= least && *number <= most) return number;
    const auto significant = std::min(text->find_first_not_of('0'), text->size());
    if (const auto number = decimal(text->substr(significant)); number && significant > 0)
        return value.fail(fmt::format("{} has a leading zero, which some programs read as octal: write {}",
                                      in_quotes(*text), *number));
    return value.mismatch(wanted);
}

std::optional<std::uint16_t> port(const Value& value) { return number<std::uint16_t>("a port", 1)(value); }

std::optional<netlink::IpAddress> address(const Value& value) {
    const Wanted wanted{"an IP address", "one such as 192.0.2.1 or 2001:db8::1 (names are not looked up)"};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    if (const auto address = netlink::IpAddress::parse(*text)) return in_its_family(value, *address);
    if (const auto with_length = netlink::Prefix::parse(*text))
        return value.fail(fmt::format("{} has a prefix length, but a single address is needed: write {}",
                                      in_quotes(*text), with_length->address.to_string()));
    return value.mismatch(wanted);
}

std::optional<netlink::IpAddress> single_address(const Value& value) {
    const auto network = netlink::Prefix::parse(value.node().text);
    return network && network->is_host() ? in_its_family(value, network->address) : address(value);
}

std::optional<netlink::Prefix> prefix(const Value& value) {
    const Wanted wanted{"an IP network", "one such as 192.0.2.0/24 or 2001:db8::/32, or an address"};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    const auto prefix = netlink::Prefix::parse(*text);
    if (!prefix) return value.mismatch(wanted);
    if (prefix->network() != *prefix)
        return value.fail(fmt::format("{} has host bits set: write {} for the network or {} for the address",
                                      in_quotes(*text), prefix->network().to_string(), prefix->address.to_string()));
    return prefix;
}

std::optional<std::string> interface_name(const Value& value) {
    const Wanted wanted{"an interface name", fmt::format("1 to {} characters without space, / : %", IFNAMSIZ - 1)};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    const auto is_bad = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '/' || c == ':' || c == '%'; };
    const bool is_path = *text == "." || *text == "..";
    if (text->empty() || text->size() >= IFNAMSIZ || is_path || std::ranges::any_of(*text, is_bad))
        return value.mismatch(wanted);
    return std::string(*text);
}

std::optional<std::vector<std::string>> interface_names(const Value& value) {
    const Wanted wanted{"a list of interfaces", "one such as [eth0]"};
    const auto elements = value.list(wanted);
    if (!elements) return std::nullopt;
    if (elements->empty()) return value.fail("no interfaces: name at least one, such as [eth0]");
    std::vector<std::string> names;
    for (const Value& element : *elements) {
        const auto name = interface_name(element);
        if (!name) continue;
        if (std::ranges::count(names, *name) > 0)
            element.fail(fmt::format("{} is in this list already: remove it", in_quotes(*name)));
        names.push_back(*name);
    }
    return names;
}

std::optional<milliseconds> duration_between(const Value& value, std::string_view noun, milliseconds least,
                                             milliseconds most) {
    const auto in_text = [](milliseconds d) {
        return text_with_unit(static_cast<std::uint64_t>(d.count()), duration_units);
    };
    const Wanted wanted{std::string(noun), fmt::format("{} to {}, in ms, s, m or h", in_text(least), in_text(most))};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    if (decimal(*text))
        return value.fail(fmt::format("{} has no unit: write {}s for seconds", in_quotes(*text), *text));
    const auto count = with_unit(*text, duration_units);
    if (!count || *count < static_cast<std::uint64_t>(least.count()) ||
        *count > static_cast<std::uint64_t>(most.count()))
        return value.mismatch(wanted);
    return milliseconds(*count);
}

std::string size_text(std::uint64_t size) { return text_with_unit(size, size_units); }

std::optional<std::uint64_t> size_between(const Value& value, std::string_view noun, std::uint64_t least,
                                          std::uint64_t most) {
    const Wanted wanted{std::string(noun), fmt::format("{} to {}, where k, M and G are powers of 1024",
                                                       size_text(least), size_text(most))};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    const auto size = with_unit(*text, size_units);
    if (!size || *size < least || *size > most) return value.mismatch(wanted);
    return size;
}

std::optional<std::size_t> index_in(const Value& value, const std::vector<std::string_view>& names,
                                    std::string_view noun) {
    const auto last = names.empty() ? names.end() : names.end() - 1;
    const std::string all = names.size() < 2
                                ? fmt::format("{}", fmt::join(names, ""))
                                : fmt::format("{} or {}", fmt::join(names.begin(), last, ", "), names.back());
    const Wanted wanted{std::string(noun), all};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    if (const auto found = std::ranges::find(names, *text); found != names.end())
        return static_cast<std::size_t>(found - names.begin());
    if (const auto nearest = suggest(*text, names))
        return value.fail(fmt::format("{} is not {}: did you mean {}?", in_quotes(*text), noun, *nearest));
    return value.mismatch(wanted);
}

std::optional<EncapKind> encap_kind(const Value& value) {
    std::vector<std::string_view> names;
    std::ranges::transform(encap_kinds, std::back_inserter(names), [](EncapKind kind) { return name(kind); });
    if (const auto index = index_in(value, names, "an encapsulation")) return encap_kinds[*index];
    return std::nullopt;
}

std::optional<std::uint8_t> dscp(const Value& value) {
    const Wanted wanted{
        "a DSCP that marks a VIP",
        fmt::format("a number from {} to {}, or a name such as AF11, CS1 or EF", least_dscp, most_dscp)};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    auto number = dscp_of_name(*text);
    if (!number) number = hexadecimal(*text);
    if (const auto digits = decimal(*text); digits && *digits <= most_dscp) number = static_cast<std::uint8_t>(*digits);
    if (!number || *number < least_dscp || *number > most_dscp) return value.mismatch(wanted);
    return number;
}

}  // namespace culvert::common::yaml
