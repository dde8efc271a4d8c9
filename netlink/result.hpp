// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace culvert::netlink {

/// Why an operation of the operating system failed, in words that an operator can act on.
struct Error {
    std::string operation;  ///< what was tried, as an infinitive: "add fou port"
    std::string object;     ///< its object: "5004/udp ipv4"; may be empty
    int code = 0;           ///< errno, positive; 0 if no system call failed
    std::string kernel;     ///< the kernel's own text (extended acknowledgement); may be empty
    std::string cure;       ///< the cure, a command if there is one; may be empty

    bool operator==(const Error&) const = default;

    /// "add fou port 5004/udp ipv4: Address already in use: <kernel's text> (<cure>)"
    [[nodiscard]] std::string message() const;
};

/// A value, or the error.
template <typename T = void>
using Result = tl::expected<T, Error>;

/// `return failure("open", path, errno);`
[[nodiscard]] inline tl::unexpected<Error> failure(std::string operation, std::string object, int code,
                                                   std::string kernel = {}, std::string cure = {}) {
    return tl::unexpected(Error{std::move(operation), std::move(object), code, std::move(kernel), std::move(cure)});
}

}  // namespace culvert::netlink

#define CULVERT_CONCAT_(a, b) a##b
#define CULVERT_CONCAT(a, b) CULVERT_CONCAT_(a, b)

/// `TRY(auto link, links.get("eth0"));` declares `link`, or returns the error from the function.
#define TRY(declaration, ...)                                                                                      \
    auto CULVERT_CONCAT(try_, __LINE__) = (__VA_ARGS__);                                                           \
    if (!CULVERT_CONCAT(try_, __LINE__)) return tl::unexpected(std::move(CULVERT_CONCAT(try_, __LINE__)).error()); \
    declaration = std::move(*CULVERT_CONCAT(try_, __LINE__))

/// `CHECK_OK(links.remove("tunl0"));` returns the error, if any, from the function.
#define CHECK_OK(...) \
    if (auto try_result = (__VA_ARGS__); !try_result) return tl::unexpected(std::move(try_result).error())
