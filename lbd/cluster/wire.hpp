// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// Numbers and texts in messages: big-endian, texts with their length in 16 bits before them.
namespace culvert::lbd {

class WireWriter {
  public:
    template <std::unsigned_integral T>
    void put(T value) {
        for (unsigned shift = sizeof(T) * 8; shift > 0;) {
            shift -= 8;
            bytes_ += static_cast<char>(static_cast<std::uint64_t>(value) >> shift);
        }
    }
    /// What is too long is cut off.
    void put(std::string_view text, std::size_t most) {
        text = text.substr(0, most);
        put(static_cast<std::uint16_t>(text.size()));
        bytes_ += text;
    }
    [[nodiscard]] std::string take() && { return std::move(bytes_); }

  private:
    std::string bytes_;
};

/// Once something is missing or too long, nothing else is read, and all values are zero or empty.
class WireReader {
  public:
    explicit WireReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    template <std::unsigned_integral T>
    [[nodiscard]] T get() {
        std::uint64_t value = 0;
        for (const std::uint8_t byte : take(sizeof(T))) value = value << 8 | byte;
        return static_cast<T>(value);
    }
    [[nodiscard]] std::string bytes(std::size_t most) {
        const auto length = get<std::uint16_t>();
        if (length > most) fail();
        const auto bytes = take(failed_ ? 0 : length);
        return {bytes.begin(), bytes.end()};
    }
    /// Printable ASCII only, as it is logged and shown.
    [[nodiscard]] std::string text(std::size_t most) {
        std::string text = bytes(most);
        const auto is_strange = [](char c) { return c < ' ' || c > '~'; };
        if (std::ranges::any_of(text, is_strange)) fail();
        return failed_ ? std::string() : text;
    }
    /// The number of elements of a list, each of at least `size` bytes: what they would need is there.
    [[nodiscard]] std::size_t count(std::size_t size, std::size_t most) {
        const std::size_t number = get<std::uint32_t>();
        if (number > most || number * size > bytes_.size()) fail();
        return failed_ ? 0 : number;
    }
    [[nodiscard]] bool is_at_end() const { return bytes_.empty(); }
    void fail() { failed_ = true; }
    [[nodiscard]] bool failed() const { return failed_; }

  private:
    std::span<const std::uint8_t> take(std::size_t size) {
        if (size > bytes_.size()) fail();
        if (failed_) return {};
        const auto taken = bytes_.first(size);
        bytes_ = bytes_.subspan(size);
        return taken;
    }

    std::span<const std::uint8_t> bytes_;
    bool failed_ = false;
};

}  // namespace culvert::lbd
