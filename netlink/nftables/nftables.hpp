// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "netlink/nftables/table.hpp"
#include "netlink/result.hpp"

struct mnl_socket;

namespace culvert::netlink::nft {

/// The nf_tables of the calling thread's network namespace at `open`. Each operation is atomic.
class Nftables {
  public:
    /// EPROTONOSUPPORT: the kernel has no nf_tables.
    [[nodiscard]] static Result<Nftables> open();

    /// The table in the kernel, or nothing if there is none of that name.
    [[nodiscard]] Result<std::optional<Table>> read(std::string_view name, TableFamily family = TableFamily::inet);

    /// Makes the kernel's table equal to `wanted`, all or nothing. True if a change was necessary; if not, it sends
    /// nothing and counters keep their values.
    [[nodiscard]] Result<bool> replace(const Table& wanted);

    /// Removes the table with all its content. False if there was none.
    [[nodiscard]] Result<bool> remove(std::string_view name, TableFamily family = TableFamily::inet);

    /// The counters of the table's rules since they were created; empty if there is no such table.
    [[nodiscard]] Result<Tallies> tallies(std::string_view name, TableFamily family = TableFamily::inet);

    /// The generation of the ruleset. Any change by any program raises it.
    [[nodiscard]] Result<std::uint32_t> generation();

  private:
    struct Close {
        void operator()(mnl_socket* socket) const;
    };
    explicit Nftables(mnl_socket* socket) : socket_(socket) {}

    std::unique_ptr<mnl_socket, Close> socket_;
};

}  // namespace culvert::netlink::nft
