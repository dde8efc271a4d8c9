// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "lbd/model/cluster_key.hpp"
#include "netlink/result.hpp"

/// TLS 1.3 between balancers that have the same key (RFC 8446, external PSK with ECDHE), without certificates, tickets
/// and early data.
namespace culvert::lbd {

class TlsContext {
  public:
    [[nodiscard]] static netlink::Result<std::unique_ptr<TlsContext>> make(const ClusterKey& key);
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;
    ~TlsContext();

    [[nodiscard]] SSL_CTX* get() const { return context_.get(); }

  private:
    struct Callbacks;
    struct Free {
        void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
    };

    TlsContext() = default;

    std::array<std::uint8_t, 48> secret_{};  // as long as the hash of the cipher suite
    std::string identity_;                   // tells which key it is, and is sent in the clear
    std::unique_ptr<SSL_CTX, Free> context_;
};

/// One end of a connection. It has no socket: received bytes are put in, and bytes to be sent are taken out.
class TlsStream {
  public:
    enum class Role : std::uint8_t { client, server };

    [[nodiscard]] static std::optional<TlsStream> make(const TlsContext& context, Role role);

    /// Bytes that were received.
    void put(std::span<const std::uint8_t> bytes);
    /// Bytes to be sent; 0: none.
    [[nodiscard]] std::size_t take(std::span<std::uint8_t> bytes);

    enum class Step : std::uint8_t { done, waits, failed };
    /// Goes on with the handshake. If it has failed, bytes to be sent tell the other end so.
    [[nodiscard]] Step shake_hands();
    /// Decrypts; `size` is set if that is done.
    [[nodiscard]] Step read(std::span<std::uint8_t> bytes, std::size_t& size);
    /// Encrypts.
    [[nodiscard]] bool write(std::span<const std::uint8_t> bytes);
    /// Why a step has failed.
    [[nodiscard]] const std::string& error() const { return error_; }

  private:
    struct Free {
        void operator()(SSL* ssl) const { ::SSL_free(ssl); }
    };

    explicit TlsStream(SSL* ssl) : ssl_(ssl) {}
    Step outcome(int result);

    std::unique_ptr<SSL, Free> ssl_;
    std::string error_;
};

}  // namespace culvert::lbd
