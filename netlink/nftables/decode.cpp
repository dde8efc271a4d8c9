// SPDX-License-Identifier: Apache-2.0
#include <libmnl/libmnl.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "netlink/nftables/codec.hpp"
#include "netlink/nftables/owned.hpp"

namespace culvert::netlink::nft {

namespace {

std::string text_or_empty(const char* text) { return text == nullptr ? std::string{} : text; }

/// The attributes of one expression.
class Attributes {
  public:
    explicit Attributes(const nftnl_expr* expression) : expression_(expression) {}

    [[nodiscard]] bool has(std::uint16_t attribute) const { return nftnl_expr_is_set(expression_, attribute); }
    [[nodiscard]] std::uint8_t byte(std::uint16_t attribute) const { return nftnl_expr_get_u8(expression_, attribute); }
    [[nodiscard]] std::uint32_t number(std::uint16_t attribute) const {
        return nftnl_expr_get_u32(expression_, attribute);
    }
    [[nodiscard]] std::uint64_t large_number(std::uint16_t attribute) const {
        return nftnl_expr_get_u64(expression_, attribute);
    }
    [[nodiscard]] std::string text(std::uint16_t attribute) const {
        return text_or_empty(nftnl_expr_get_str(expression_, attribute));
    }
    [[nodiscard]] Bytes data(std::uint16_t attribute) const {
        std::uint32_t size = 0;
        const auto* bytes = static_cast<const std::uint8_t*>(nftnl_expr_get(expression_, attribute, &size));
        return bytes == nullptr ? Bytes{} : Bytes(bytes, bytes + size);
    }

  private:
    const nftnl_expr* expression_;
};

Expression meta(const Attributes& from) {
    const auto key = static_cast<MetaKey>(from.number(NFTNL_EXPR_META_KEY));
    if (!from.has(NFTNL_EXPR_META_DREG)) return MetaStore{key, from.number(NFTNL_EXPR_META_SREG)};
    return Meta{key, from.number(NFTNL_EXPR_META_DREG)};
}

Expression payload(const Attributes& from) {
    const auto header = static_cast<Header>(from.number(NFTNL_EXPR_PAYLOAD_BASE));
    const std::uint32_t offset = from.number(NFTNL_EXPR_PAYLOAD_OFFSET);
    const std::uint32_t length = from.number(NFTNL_EXPR_PAYLOAD_LEN);
    if (from.has(NFTNL_EXPR_PAYLOAD_DREG))
        return PayloadLoad{header, offset, length, from.number(NFTNL_EXPR_PAYLOAD_DREG)};
    return PayloadStore{header, offset, length,
                        ChecksumUpdate{.type = from.number(NFTNL_EXPR_PAYLOAD_CSUM_TYPE),
                                       .offset = from.number(NFTNL_EXPR_PAYLOAD_CSUM_OFFSET),
                                       .flags = from.number(NFTNL_EXPR_PAYLOAD_FLAGS)},
                        from.number(NFTNL_EXPR_PAYLOAD_SREG)};
}

Expression bitwise(const Attributes& from) {
    if (from.number(NFTNL_EXPR_BITWISE_OP) != NFT_BITWISE_BOOL) return Foreign{"bitwise shift"};
    return Bitwise{from.data(NFTNL_EXPR_BITWISE_MASK), from.data(NFTNL_EXPR_BITWISE_XOR),
                   from.number(NFTNL_EXPR_BITWISE_SREG), from.number(NFTNL_EXPR_BITWISE_DREG)};
}

Expression compare(const Attributes& from) {
    return Compare{static_cast<Comparison>(from.number(NFTNL_EXPR_CMP_OP)), from.data(NFTNL_EXPR_CMP_DATA),
                   from.number(NFTNL_EXPR_CMP_SREG)};
}

Expression immediate(const Attributes& from) {
    const std::uint32_t into = from.number(NFTNL_EXPR_IMM_DREG);
    if (into != NFT_REG_VERDICT) return Immediate{from.data(NFTNL_EXPR_IMM_DATA), into};
    return Verdict{static_cast<std::int32_t>(from.number(NFTNL_EXPR_IMM_VERDICT)), from.text(NFTNL_EXPR_IMM_CHAIN)};
}

Expression lookup(const Attributes& from) {
    if (from.has(NFTNL_EXPR_LOOKUP_DREG)) return Foreign{"map"};
    return Lookup{from.text(NFTNL_EXPR_LOOKUP_SET), (from.number(NFTNL_EXPR_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV) != 0,
                  from.number(NFTNL_EXPR_LOOKUP_SREG)};
}

Expression fib(const Attributes& from) {
    return Fib{from.number(NFTNL_EXPR_FIB_RESULT), from.number(NFTNL_EXPR_FIB_FLAGS), from.number(NFTNL_EXPR_FIB_DREG)};
}

Expression limit(const Attributes& from) {
    if (from.number(NFTNL_EXPR_LIMIT_TYPE) != NFT_LIMIT_PKTS || from.number(NFTNL_EXPR_LIMIT_FLAGS) != 0)
        return Foreign{"limit of bytes, or inverted"};
    return Limit{from.large_number(NFTNL_EXPR_LIMIT_RATE), from.large_number(NFTNL_EXPR_LIMIT_UNIT),
                 from.number(NFTNL_EXPR_LIMIT_BURST)};
}

Expression log(const Attributes& from) {
    if (from.has(NFTNL_EXPR_LOG_GROUP) || from.number(NFTNL_EXPR_LOG_FLAGS) != 0)
        return Foreign{"log to a group, or with flags"};
    return Log{from.text(NFTNL_EXPR_LOG_PREFIX), from.number(NFTNL_EXPR_LOG_LEVEL)};
}

Expression exthdr(const Attributes& from) {
    if (from.has(NFTNL_EXPR_EXTHDR_DREG) && from.number(NFTNL_EXPR_EXTHDR_OP) == NFT_EXTHDR_OP_IPV6 &&
        from.number(NFTNL_EXPR_EXTHDR_FLAGS) == 0)
        return ExtensionLoad{.kind = from.byte(NFTNL_EXPR_EXTHDR_TYPE),
                             .offset = from.number(NFTNL_EXPR_EXTHDR_OFFSET),
                             .length = from.number(NFTNL_EXPR_EXTHDR_LEN),
                             .into = from.number(NFTNL_EXPR_EXTHDR_DREG)};
    if (!from.has(NFTNL_EXPR_EXTHDR_SREG) || from.number(NFTNL_EXPR_EXTHDR_OP) != NFT_EXTHDR_OP_TCPOPT)
        return Foreign{"exthdr"};
    return TcpOptionStore{.kind = from.byte(NFTNL_EXPR_EXTHDR_TYPE),
                          .offset = from.number(NFTNL_EXPR_EXTHDR_OFFSET),
                          .length = from.number(NFTNL_EXPR_EXTHDR_LEN),
                          .from = from.number(NFTNL_EXPR_EXTHDR_SREG)};
}

Expression decode_expression(const nftnl_expr* expression) {
    const std::string_view name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
    const Attributes from(expression);
    if (name == "meta") return meta(from);
    if (name == "payload") return payload(from);
    if (name == "bitwise") return bitwise(from);
    if (name == "cmp") return compare(from);
    if (name == "immediate") return immediate(from);
    if (name == "lookup") return lookup(from);
    if (name == "fib") return fib(from);
    if (name == "limit") return limit(from);
    if (name == "log") return log(from);
    if (name == "exthdr") return exthdr(from);
    if (name == "counter") return Counter{};
    if (name == "notrack") return Notrack{};
    return Foreign{std::string(name)};
}

std::string decode_comment(const nftnl_rule* rule) {
    std::string comment;
    std::uint32_t size = 0;
    const void* userdata = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &size);
    if (userdata == nullptr) return comment;
    nftnl_udata_parse(
        userdata, size,
        [](const nftnl_udata* attribute, void* into) {
            if (nftnl_udata_type(attribute) == NFTNL_UDATA_RULE_COMMENT && nftnl_udata_len(attribute) > 0)
                static_cast<std::string*>(into)->assign(static_cast<const char*>(nftnl_udata_get(attribute)),
                                                        nftnl_udata_len(attribute) - 1U);
            return 0;
        },
        &comment);
    return comment;
}

/// An element of a set as the kernel stores it: a value, or the value after the end of an interval.
struct Boundary {
    Bytes key;
    bool is_start;
    /// An end comes first, as an interval may start where another ends.
    bool operator<(const Boundary& other) const {
        return key != other.key ? key < other.key : !is_start && other.is_start;
    }
};

std::vector<Interval> intervals_between(std::vector<Boundary> boundaries, const Set& set) {
    std::vector<Interval> result;
    std::sort(boundaries.begin(), boundaries.end());
    for (Boundary& boundary : boundaries) {
        const bool open = !result.empty() && result.back().last.empty();
        if (open) result.back().last = predecessor(boundary.key);
        if (boundary.is_start) result.push_back({std::move(boundary.key), {}});
    }
    if (!result.empty() && result.back().last.empty()) result.back().last = Bytes(set.key_length, 0xff);
    return joined(std::move(result));
}

std::vector<Interval> single_values(const std::vector<Boundary>& values) {
    std::vector<Interval> result;
    result.reserve(values.size());
    for (const Boundary& value : values) result.push_back({value.key, value.key});
    std::ranges::sort(result);
    return result;
}

class Decoder {
  public:
    Decoder(TableFamily family, std::string_view name) : table_{.name = std::string(name), .family = family} {}

    [[nodiscard]] bool take(const nlmsghdr* message) {
        if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES) return true;  // begin or end of a batch
        if (mnl_nlmsg_get_payload_len(message) < sizeof(nfgenmsg)) return false;
        const auto* general = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(message));
        if (general->nfgen_family != static_cast<std::uint8_t>(table_.family)) return true;
        switch (NFNL_MSG_TYPE(message->nlmsg_type)) {
            case NFT_MSG_NEWTABLE:
                return take_table(message);
            case NFT_MSG_NEWCHAIN:
                return take_chain(message);
            case NFT_MSG_NEWSET:
                return take_set(message);
            case NFT_MSG_NEWSETELEM:
                return take_elements(message);
            case NFT_MSG_NEWRULE:
                return take_rule(message);
            default:
                return true;
        }
    }

    [[nodiscard]] std::optional<Table> finish() && {
        if (!found_) return std::nullopt;
        for (auto& [name, boundaries] : boundaries_) {
            Set& set = table_.sets.at(name);
            set.elements = (set.flags & NFT_SET_INTERVAL) != 0 ? intervals_between(std::move(boundaries), set)
                                                               : single_values(boundaries);
        }
        return std::move(table_);
    }

  private:
    [[nodiscard]] bool is_ours(const char* table) const { return found_ && table != nullptr && table_.name == table; }

    bool take_table(const nlmsghdr* message) {
        const auto table = owned(nftnl_table_alloc());
        if (nftnl_table_nlmsg_parse(message, table.get()) < 0) return false;
        const char* name = nftnl_table_get_str(table.get(), NFTNL_TABLE_NAME);
        if (name == nullptr || table_.name != name) return true;
        table_.flags = nftnl_table_get_u32(table.get(), NFTNL_TABLE_FLAGS);
        found_ = true;
        return true;
    }

    bool take_chain(const nlmsghdr* message) {
        const auto chain = owned(nftnl_chain_alloc());
        if (nftnl_chain_nlmsg_parse(message, chain.get()) < 0) return false;
        if (!is_ours(nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_TABLE))) return true;
        Chain value;
        if (nftnl_chain_is_set(chain.get(), NFTNL_CHAIN_HOOKNUM))
            value.hook = Hook{.point = static_cast<HookPoint>(nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_HOOKNUM)),
                              .priority = nftnl_chain_get_s32(chain.get(), NFTNL_CHAIN_PRIO),
                              .policy = static_cast<Policy>(nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_POLICY)),
                              .type = text_or_empty(nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_TYPE))};
        table_.chains[text_or_empty(nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_NAME))] = std::move(value);
        return true;
    }

    bool take_set(const nlmsghdr* message) {
        const auto set = owned(nftnl_set_alloc());
        if (nftnl_set_nlmsg_parse(message, set.get()) < 0) return false;
        if (!is_ours(nftnl_set_get_str(set.get(), NFTNL_SET_TABLE))) return true;
        table_.sets[text_or_empty(nftnl_set_get_str(set.get(), NFTNL_SET_NAME))] =
            Set{.key = static_cast<KeyType>(nftnl_set_get_u32(set.get(), NFTNL_SET_KEY_TYPE)),
                .key_length = nftnl_set_get_u32(set.get(), NFTNL_SET_KEY_LEN),
                .flags = nftnl_set_get_u32(set.get(), NFTNL_SET_FLAGS)};
        return true;
    }

    bool take_elements(const nlmsghdr* message) {
        const auto set = owned(nftnl_set_alloc());
        if (nftnl_set_elems_nlmsg_parse(message, set.get()) < 0) return false;
        if (!is_ours(nftnl_set_get_str(set.get(), NFTNL_SET_TABLE))) return true;
        const std::string name = text_or_empty(nftnl_set_get_str(set.get(), NFTNL_SET_NAME));
        if (!table_.sets.contains(name)) return false;
        const auto elements = owned(nftnl_set_elems_iter_create(set.get()));
        while (nftnl_set_elem* element = nftnl_set_elems_iter_next(elements.get())) {
            std::uint32_t size = 0;
            const auto* key = static_cast<const std::uint8_t*>(nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &size));
            if (key == nullptr || size != table_.sets[name].key_length) return false;
            const std::uint32_t flags = nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_FLAGS)
                                            ? nftnl_set_elem_get_u32(element, NFTNL_SET_ELEM_FLAGS)
                                            : 0;
            boundaries_[name].push_back({Bytes(key, key + size), (flags & NFT_SET_ELEM_INTERVAL_END) == 0});
        }
        return true;
    }

    bool take_rule(const nlmsghdr* message) {
        const auto rule = owned(nftnl_rule_alloc());
        const bool known = nftnl_rule_nlmsg_parse(message, rule.get()) >= 0;
        if (!is_ours(nftnl_rule_get_str(rule.get(), NFTNL_RULE_TABLE))) return true;
        const auto chain = table_.chains.find(text_or_empty(nftnl_rule_get_str(rule.get(), NFTNL_RULE_CHAIN)));
        if (chain == table_.chains.end()) return false;
        Rule& value = chain->second.rules.emplace_back();
        value.comment = decode_comment(rule.get());
        const auto expressions = owned(nftnl_expr_iter_create(rule.get()));
        while (const nftnl_expr* expression = nftnl_expr_iter_next(expressions.get()))
            value.expressions.push_back(decode_expression(expression));
        if (!known) value.expressions.emplace_back(Foreign{"unknown to libnftnl"});
        return true;
    }

    Table table_;
    bool found_ = false;
    std::map<std::string, std::vector<Boundary>> boundaries_;
};

void add_counters(const nftnl_rule* rule, Tally& tally) {
    const auto expressions = owned(nftnl_expr_iter_create(rule));
    while (const nftnl_expr* expression = nftnl_expr_iter_next(expressions.get())) {
        const Attributes from(expression);
        if (from.text(NFTNL_EXPR_NAME) != "counter") continue;
        tally.packets += from.large_number(NFTNL_EXPR_CTR_PACKETS);
        tally.bytes += from.large_number(NFTNL_EXPR_CTR_BYTES);
    }
}

}  // namespace

Result<Tallies> decode_tallies(std::span<const std::uint8_t> messages, std::string_view table) {
    Tallies tallies;
    int left = static_cast<int>(messages.size());
    const auto* message = reinterpret_cast<const nlmsghdr*>(messages.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
        if (NFNL_MSG_TYPE(message->nlmsg_type) != NFT_MSG_NEWRULE) continue;
        const auto rule = owned(nftnl_rule_alloc());
        std::ignore = nftnl_rule_nlmsg_parse(message, rule.get());  // the parsed part is there even after an error
        if (text_or_empty(nftnl_rule_get_str(rule.get(), NFTNL_RULE_TABLE)) != table) continue;
        add_counters(rule.get(), tallies[text_or_empty(nftnl_rule_get_str(rule.get(), NFTNL_RULE_CHAIN))]);
    }
    if (left != 0) return failure("decode nf_tables messages about table", std::string(table), EBADMSG, "truncated");
    return tallies;
}

Result<std::optional<Table>> decode(std::span<const std::uint8_t> messages, TableFamily family, std::string_view name) {
    Decoder decoder(family, name);
    int left = static_cast<int>(messages.size());
    const auto* message = reinterpret_cast<const nlmsghdr*>(messages.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
        if (!decoder.take(message)) return failure("decode nf_tables message about table", std::string(name), EBADMSG);
    if (left != 0) return failure("decode nf_tables messages about table", std::string(name), EBADMSG, "truncated");
    return std::move(decoder).finish();
}

}  // namespace culvert::netlink::nft
