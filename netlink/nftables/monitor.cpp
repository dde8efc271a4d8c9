// SPDX-License-Identifier: Apache-2.0
#include "netlink/nftables/monitor.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <utility>

namespace culvert::netlink::nft {

std::optional<Transaction> TransactionReader::take(Bytes message) {
    const auto parsed = parse<nfgenmsg>(message);
    if (!parsed || NFNL_SUBSYS_ID(parsed->message.nlmsg_type) != NFNL_SUBSYS_NFTABLES) return std::nullopt;
    const Attributes& attributes = parsed->attributes;
    if (NFNL_MSG_TYPE(parsed->message.nlmsg_type) != NFT_MSG_NEWGEN) {
        // NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE, …: all of this number
        if (std::string table = attributes.text(NFTA_TABLE_NAME); !table.empty()) tables_.insert(std::move(table));
        return std::nullopt;
    }
    return Transaction{.tables = std::exchange(tables_, {}),
                       .pid = attributes.be32(NFTA_GEN_PROC_PID).value_or(0),
                       .program = attributes.text(NFTA_GEN_PROC_NAME)};
}

Transaction TransactionReader::lost() {
    tables_.clear();
    return {};
}

Result<Monitor> Monitor::open() {
    TRY(EventSocket socket, EventSocket::open(NETLINK_NETFILTER, {NFNLGRP_NFTABLES}));
    return Monitor(std::move(socket));
}

Result<std::vector<Transaction>> Monitor::read() {
    std::vector<Transaction> transactions;
    TRY(const int overruns, socket_.read([&](const RawMessage& message) {
        if (auto transaction = reader_.take(message.bytes)) transactions.push_back(*std::move(transaction));
    }));
    if (overruns > 0) transactions.push_back(reader_.lost());
    return transactions;
}

}  // namespace culvert::netlink::nft
