// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "netlink/event_socket.hpp"
#include "netlink/result.hpp"

namespace culvert::netlink::nft {

/// One transaction of some program.
struct Transaction {
    std::set<std::string> tables;  ///< by name, of any family; empty: unknown, as messages were lost
    std::uint32_t pid = 0;         ///< the program's id in the first PID namespace; 0: unknown
    std::string program;           ///< its name, as in /proc/PID/comm

    bool operator==(const Transaction&) const = default;
};

/// Assembles transactions from the kernel's messages: first the changes, then NFT_MSG_NEWGEN with the program.
class TransactionReader {
  public:
    /// Reads the next message. Returns the transaction if the message completes one.
    [[nodiscard]] std::optional<Transaction> take(Bytes message);
    /// Call it after messages were lost.
    [[nodiscard]] Transaction lost();

  private:
    std::set<std::string> tables_;
};

/// Follows changes of nf_tables in the network namespace in which it was opened.
class Monitor {
  public:
    /// EPROTONOSUPPORT: the kernel has no nf_tables.
    [[nodiscard]] static Result<Monitor> open();

    /// Non-blocking; readable if there is something to read().
    [[nodiscard]] int fd() const { return socket_.fd(); }
    /// All transactions received so far; may be empty.
    [[nodiscard]] Result<std::vector<Transaction>> read();

  private:
    explicit Monitor(EventSocket socket) : socket_(std::move(socket)) {}

    EventSocket socket_;
    TransactionReader reader_;
};

}  // namespace culvert::netlink::nft
