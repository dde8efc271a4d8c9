// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "netlink/event_socket.hpp"
#include "netlink/result.hpp"

namespace culvert::netlink::nft {

/// What somebody changed in one go.
struct Transaction {
    std::set<std::string> tables;  ///< by name, of whichever family; empty: unknown, as messages were lost
    std::uint32_t pid = 0;         ///< whose it was, in the first PID namespace; 0: unknown
    std::string program;           ///< its name, as in /proc/PID/comm

    bool operator==(const Transaction&) const = default;
};

/// Puts the kernel's messages together: it sends what was changed, then NFT_MSG_NEWGEN with who did it.
class TransactionReader {
  public:
    /// Takes the next message; the transaction if it was the last of one.
    [[nodiscard]] std::optional<Transaction> take(Bytes message);
    /// Some messages were lost.
    [[nodiscard]] Transaction lost();

  private:
    std::set<std::string> tables_;
};

/// Follows changes of nf_tables in the network namespace in which it was opened.
class Monitor {
  public:
    /// EPROTONOSUPPORT: the kernel has no nf_tables.
    [[nodiscard]] static Result<Monitor> open();

    /// Non-blocking; readable when there is something to read().
    [[nodiscard]] int fd() const { return socket_.fd(); }
    /// All that has come so far; empty if nothing has.
    [[nodiscard]] Result<std::vector<Transaction>> read();

  private:
    explicit Monitor(EventSocket socket) : socket_(std::move(socket)) {}

    EventSocket socket_;
    TransactionReader reader_;
};

}  // namespace culvert::netlink::nft
