// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>

#include "netlink/nftables/codec.hpp"
#include "netlink/nftables/owned.hpp"

namespace culvert::netlink::nft {

namespace {

/// Room for one message. libnftnl limits set elements to 64 KiB, and checks no other size.
constexpr std::size_t message_room = std::size_t{128} * 1024;

/// nft's own number, its BYTEORDER_HOST_ENDIAN.
constexpr std::uint32_t nft_host_byte_order = 1;

class BatchWriter {
  public:
    BatchWriter(TableFamily family, std::string_view table, std::uint32_t generation)
        : family_(static_cast<std::uint16_t>(family)), table_(table), buffer_(message_room) {
        nlmsghdr* header = nftnl_batch_begin(buffer_.data(), sequence());
        mnl_attr_put_u32(header, NFNL_BATCH_GENID, htonl(generation));
        append(header, table_);
    }

    [[nodiscard]] const std::string& table() const { return table_; }

    /// Adds one message about `object`. `build(nlmsghdr*)` writes its attributes.
    template <typename Build>
    void add(std::uint16_t type, std::uint16_t flags, std::string object, const Build& build) {
        nlmsghdr* header = nftnl_nlmsg_build_hdr(buffer_.data(), type, family_, flags, sequence());
        build(header);
        append(header, std::move(object));
    }

    [[nodiscard]] Batch finish() && {
        append(nftnl_batch_end(buffer_.data(), sequence()), table_);
        return std::move(batch_);
    }

  private:
    [[nodiscard]] std::uint32_t sequence() const { return static_cast<std::uint32_t>(batch_.objects.size()); }

    void append(const nlmsghdr* header, std::string object) {
        batch_.bytes.insert(batch_.bytes.end(), buffer_.data(), buffer_.data() + NLMSG_ALIGN(header->nlmsg_len));
        batch_.objects.push_back(std::move(object));
    }

    std::uint16_t family_;
    std::string table_;
    std::vector<char> buffer_;
    Batch batch_;
};

void put(nftnl_expr& to, std::uint16_t attribute, std::uint32_t number) { nftnl_expr_set_u32(&to, attribute, number); }

void put(nftnl_expr& to, std::uint16_t attribute, const Bytes& data) {
    nftnl_expr_set(&to, attribute, data.data(), static_cast<std::uint32_t>(data.size()));
}

template <typename Enum>
    requires std::is_enum_v<Enum>
void put(nftnl_expr& to, std::uint16_t attribute, Enum value) {
    put(to, attribute, static_cast<std::uint32_t>(value));
}

Owned<nftnl_expr> encode(const Meta& meta) {
    auto expression = owned(nftnl_expr_alloc("meta"));
    put(*expression, NFTNL_EXPR_META_KEY, meta.key);
    put(*expression, NFTNL_EXPR_META_DREG, meta.into);
    return expression;
}

Owned<nftnl_expr> encode(const MetaStore& store) {
    auto expression = owned(nftnl_expr_alloc("meta"));
    put(*expression, NFTNL_EXPR_META_KEY, store.key);
    put(*expression, NFTNL_EXPR_META_SREG, store.from);
    return expression;
}

Owned<nftnl_expr> encode(const PayloadLoad& load) {
    auto expression = owned(nftnl_expr_alloc("payload"));
    put(*expression, NFTNL_EXPR_PAYLOAD_BASE, load.header);
    put(*expression, NFTNL_EXPR_PAYLOAD_OFFSET, load.offset);
    put(*expression, NFTNL_EXPR_PAYLOAD_LEN, load.length);
    put(*expression, NFTNL_EXPR_PAYLOAD_DREG, load.into);
    return expression;
}

Owned<nftnl_expr> encode(const PayloadStore& store) {
    auto expression = owned(nftnl_expr_alloc("payload"));
    put(*expression, NFTNL_EXPR_PAYLOAD_BASE, store.header);
    put(*expression, NFTNL_EXPR_PAYLOAD_OFFSET, store.offset);
    put(*expression, NFTNL_EXPR_PAYLOAD_LEN, store.length);
    put(*expression, NFTNL_EXPR_PAYLOAD_SREG, store.from);
    put(*expression, NFTNL_EXPR_PAYLOAD_CSUM_TYPE, store.checksum.type);
    put(*expression, NFTNL_EXPR_PAYLOAD_CSUM_OFFSET, store.checksum.offset);
    put(*expression, NFTNL_EXPR_PAYLOAD_FLAGS, store.checksum.flags);
    return expression;
}

Owned<nftnl_expr> encode(const Bitwise& bitwise) {
    auto expression = owned(nftnl_expr_alloc("bitwise"));
    put(*expression, NFTNL_EXPR_BITWISE_SREG, bitwise.from);
    put(*expression, NFTNL_EXPR_BITWISE_DREG, bitwise.into);
    put(*expression, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
    put(*expression, NFTNL_EXPR_BITWISE_LEN, static_cast<std::uint32_t>(bitwise.mask.size()));
    put(*expression, NFTNL_EXPR_BITWISE_MASK, bitwise.mask);
    put(*expression, NFTNL_EXPR_BITWISE_XOR, bitwise.xor_with);
    return expression;
}

Owned<nftnl_expr> encode(const Compare& compare) {
    auto expression = owned(nftnl_expr_alloc("cmp"));
    put(*expression, NFTNL_EXPR_CMP_SREG, compare.from);
    put(*expression, NFTNL_EXPR_CMP_OP, compare.comparison);
    put(*expression, NFTNL_EXPR_CMP_DATA, compare.data);
    return expression;
}

Owned<nftnl_expr> encode(const Immediate& immediate) {
    auto expression = owned(nftnl_expr_alloc("immediate"));
    put(*expression, NFTNL_EXPR_IMM_DREG, immediate.into);
    put(*expression, NFTNL_EXPR_IMM_DATA, immediate.data);
    return expression;
}

Owned<nftnl_expr> encode(const Lookup& lookup) {
    auto expression = owned(nftnl_expr_alloc("lookup"));
    put(*expression, NFTNL_EXPR_LOOKUP_SREG, lookup.from);
    nftnl_expr_set_str(expression.get(), NFTNL_EXPR_LOOKUP_SET, lookup.set.c_str());
    if (lookup.inverted) put(*expression, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    return expression;
}

Owned<nftnl_expr> encode(const Fib& fib) {
    auto expression = owned(nftnl_expr_alloc("fib"));
    put(*expression, NFTNL_EXPR_FIB_DREG, fib.into);
    put(*expression, NFTNL_EXPR_FIB_RESULT, fib.result);
    put(*expression, NFTNL_EXPR_FIB_FLAGS, fib.flags);
    return expression;
}

Owned<nftnl_expr> encode(const Limit& limit) {
    auto expression = owned(nftnl_expr_alloc("limit"));
    nftnl_expr_set_u64(expression.get(), NFTNL_EXPR_LIMIT_RATE, limit.rate);
    nftnl_expr_set_u64(expression.get(), NFTNL_EXPR_LIMIT_UNIT, limit.unit);
    put(*expression, NFTNL_EXPR_LIMIT_BURST, limit.burst);
    put(*expression, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
    return expression;
}

Owned<nftnl_expr> encode(const Log& log) {
    auto expression = owned(nftnl_expr_alloc("log"));
    nftnl_expr_set_str(expression.get(), NFTNL_EXPR_LOG_PREFIX, log.prefix.c_str());
    put(*expression, NFTNL_EXPR_LOG_LEVEL, log.level);
    return expression;
}

Owned<nftnl_expr> encode(const ExtensionLoad& load) {
    auto expression = owned(nftnl_expr_alloc("exthdr"));
    put(*expression, NFTNL_EXPR_EXTHDR_DREG, load.into);
    nftnl_expr_set_u8(expression.get(), NFTNL_EXPR_EXTHDR_TYPE, load.kind);
    put(*expression, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
    put(*expression, NFTNL_EXPR_EXTHDR_OFFSET, load.offset);
    put(*expression, NFTNL_EXPR_EXTHDR_LEN, load.length);
    return expression;
}

Owned<nftnl_expr> encode(const TcpOptionStore& store) {
    auto expression = owned(nftnl_expr_alloc("exthdr"));
    put(*expression, NFTNL_EXPR_EXTHDR_SREG, store.from);
    nftnl_expr_set_u8(expression.get(), NFTNL_EXPR_EXTHDR_TYPE, store.kind);
    put(*expression, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
    put(*expression, NFTNL_EXPR_EXTHDR_OFFSET, store.offset);
    put(*expression, NFTNL_EXPR_EXTHDR_LEN, store.length);
    return expression;
}

Owned<nftnl_expr> encode(const Counter& /*unused*/) { return owned(nftnl_expr_alloc("counter")); }

Owned<nftnl_expr> encode(const Notrack& /*unused*/) { return owned(nftnl_expr_alloc("notrack")); }

Owned<nftnl_expr> encode(const Verdict& verdict) {
    auto expression = owned(nftnl_expr_alloc("immediate"));
    put(*expression, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    put(*expression, NFTNL_EXPR_IMM_VERDICT, static_cast<std::uint32_t>(verdict.code));
    if (!verdict.chain.empty()) nftnl_expr_set_str(expression.get(), NFTNL_EXPR_IMM_CHAIN, verdict.chain.c_str());
    return expression;
}

Owned<nftnl_expr> encode(const Foreign& /*unused*/) { return nullptr; }  // Nftables::replace refuses these

void add_table(BatchWriter& batch, std::uint16_t type, std::uint32_t flags) {
    const auto table = owned(nftnl_table_alloc());
    nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, batch.table().c_str());
    nftnl_table_set_u32(table.get(), NFTNL_TABLE_FLAGS, flags);
    batch.add(type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0, "table " + batch.table(),
              [&](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, table.get()); });
}

void add_chain(BatchWriter& batch, const std::string& name, const std::optional<Hook>& hook) {
    const auto chain = owned(nftnl_chain_alloc());
    nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, batch.table().c_str());
    nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str());
    if (hook) {
        nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, hook->type.c_str());
        nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, static_cast<std::uint32_t>(hook->point));
        nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, hook->priority);
        nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_POLICY, static_cast<std::uint32_t>(hook->policy));
    }
    batch.add(NFT_MSG_NEWCHAIN, NLM_F_CREATE, fmt::format("chain {} {}", batch.table(), name),
              [&](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, chain.get()); });
}

void add_element(nftnl_set& set, const Bytes& key, std::uint32_t flags) {
    auto element = owned(nftnl_set_elem_alloc());
    nftnl_set_elem_set(element.get(), NFTNL_SET_ELEM_KEY, key.data(), static_cast<std::uint32_t>(key.size()));
    if (flags != 0) nftnl_set_elem_set_u32(element.get(), NFTNL_SET_ELEM_FLAGS, flags);
    nftnl_set_elem_add(&set, element.release());
}

/// An interval is an element at its start and, unless it includes the last value, one after its end.
void add_elements(nftnl_set& to, const Set& set) {
    const bool intervals = (set.flags & NFT_SET_INTERVAL) != 0;
    if (intervals && !set.elements.empty() && set.elements.front().first != Bytes(set.key_length))
        add_element(to, Bytes(set.key_length), NFT_SET_ELEM_INTERVAL_END);  // as nft does
    for (const Interval& interval : set.elements) {
        add_element(to, interval.first, 0);
        if (const auto end = successor(interval.last); intervals && end)
            add_element(to, *end, NFT_SET_ELEM_INTERVAL_END);
    }
}

void add_set(BatchWriter& batch, std::uint32_t id, const std::string& name, const Set& value) {
    const auto set = owned(nftnl_set_alloc());
    nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, batch.table().c_str());
    nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str());
    nftnl_set_set_u32(set.get(), NFTNL_SET_ID, id);
    nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, value.flags);
    nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, static_cast<std::uint32_t>(value.key));
    nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, value.key_length);
    if (value.key == KeyType::ifname) {  // nft shows empty names without it
        const auto userdata = owned(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN));
        nftnl_udata_put_u32(userdata.get(), NFTNL_UDATA_SET_KEYBYTEORDER, nft_host_byte_order);
        nftnl_set_set_data(set.get(), NFTNL_SET_USERDATA, nftnl_udata_buf_data(userdata.get()),
                           nftnl_udata_buf_len(userdata.get()));
    }
    const std::string object = fmt::format("set {} {}", batch.table(), name);
    batch.add(NFT_MSG_NEWSET, NLM_F_CREATE, object,
              [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, set.get()); });

    add_elements(*set, value);
    const auto remaining = owned(nftnl_set_elems_iter_create(set.get()));
    for (int more = value.elements.empty() ? 0 : 1; more > 0;)  // as many messages as needed
        batch.add(NFT_MSG_NEWSETELEM, NLM_F_CREATE, object,
                  [&](nlmsghdr* header) { more = nftnl_set_elems_nlmsg_build_payload_iter(header, remaining.get()); });
}

void add_rule(BatchWriter& batch, const std::string& chain, const Rule& value, std::size_t number) {
    const auto rule = owned(nftnl_rule_alloc());
    nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, batch.table().c_str());
    nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, chain.c_str());
    for (const Expression& expression : value.expressions)
        nftnl_rule_add_expr(rule.get(), std::visit([](const auto& e) { return encode(e); }, expression).release());
    if (!value.comment.empty()) {
        const auto userdata = owned(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN));
        nftnl_udata_put_strz(userdata.get(), NFTNL_UDATA_RULE_COMMENT, value.comment.c_str());
        nftnl_rule_set_data(rule.get(), NFTNL_RULE_USERDATA, nftnl_udata_buf_data(userdata.get()),
                            nftnl_udata_buf_len(userdata.get()));
    }
    batch.add(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
              fmt::format("rule {} of chain {} {}", number, batch.table(), chain),
              [&](nlmsghdr* header) { nftnl_rule_nlmsg_build_payload(header, rule.get()); });
}

}  // namespace

Batch encode_replace(const Table& wanted, bool exists, std::uint32_t generation) {
    BatchWriter batch(wanted.family, wanted.name, generation);
    if (exists) add_table(batch, NFT_MSG_DELTABLE, 0);
    add_table(batch, NFT_MSG_NEWTABLE, wanted.flags);
    std::uint32_t set_id = 0;
    for (const auto& [name, set] : wanted.sets) add_set(batch, ++set_id, name, set);
    for (const auto& [name, chain] : wanted.chains) add_chain(batch, name, chain.hook);  // all before any jump
    for (const auto& [name, chain] : wanted.chains)
        for (std::size_t i = 0; i < chain.rules.size(); ++i) add_rule(batch, name, chain.rules[i], i + 1);
    return std::move(batch).finish();
}

Batch encode_remove(TableFamily family, std::string_view name, std::uint32_t generation) {
    BatchWriter batch(family, name, generation);
    add_table(batch, NFT_MSG_DELTABLE, 0);
    return std::move(batch).finish();
}

}  // namespace culvert::netlink::nft
