// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/tls.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string_view>
#include <utility>

#include "lbd/key/derive.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;

constexpr auto cipher_suite = "TLS_AES_256_GCM_SHA384";
constexpr std::array<std::uint8_t, 2> cipher_suite_number{0x13, 0x02};  // RFC 8446, B.4

/// "no suitable signature algorithm"
std::string openssl_reason() {
    const unsigned long code = ::ERR_peek_last_error();
    const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
    return reason == nullptr ? "the connection ended" : reason;
}

int length(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max())); }

}  // namespace

/// What OpenSSL asks.
struct TlsContext::Callbacks {
    static const TlsContext& context_of(SSL* ssl) {
        return *static_cast<const TlsContext*>(SSL_CTX_get_app_data(::SSL_get_SSL_CTX(ssl)));
    }

    /// The secret, in the form of a session.
    static SSL_SESSION* session(SSL* ssl) {
        const TlsContext& context = context_of(ssl);
        SSL_SESSION* session = ::SSL_SESSION_new();
        const SSL_CIPHER* cipher = ::SSL_CIPHER_find(ssl, cipher_suite_number.data());
        if (session != nullptr && cipher != nullptr &&
            ::SSL_SESSION_set1_master_key(session, context.secret_.data(), context.secret_.size()) == 1 &&
            ::SSL_SESSION_set_cipher(session, cipher) == 1 &&
            ::SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1)
            return session;
        ::SSL_SESSION_free(session);
        return nullptr;
    }

    /// Of a client: which key to offer.
    static int use(SSL* ssl, const EVP_MD* /*hash*/, const unsigned char** identity, std::size_t* size,
                   SSL_SESSION** offered) {
        const std::string& own = context_of(ssl).identity_;
        *identity = reinterpret_cast<const unsigned char*>(own.data());
        *size = own.size();
        *offered = session(ssl);
        return *offered == nullptr ? 0 : 1;
    }

    /// Of a server: the key of this name. Without one, the handshake fails, as there is no certificate.
    static int find(SSL* ssl, const unsigned char* identity, std::size_t size, SSL_SESSION** found) {
        const std::string_view offered(reinterpret_cast<const char*>(identity), size);
        *found = offered == context_of(ssl).identity_ ? session(ssl) : nullptr;
        return 1;
    }
};

Result<std::unique_ptr<TlsContext>> TlsContext::make(const ClusterKey& key) {
    std::unique_ptr<TlsContext> made(new TlsContext);
    std::array<std::uint8_t, 4> digest{};
    CHECK_OK(derive(key.bytes, "culvert cluster tls", made->secret_));
    CHECK_OK(derive(key.bytes, "culvert cluster tls identity", digest));
    made->identity_ = fmt::format("culvert {:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
    made->context_.reset(::SSL_CTX_new(::TLS_method()));
    SSL_CTX* context = made->context_.get();
    if (context == nullptr || ::SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        ::SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1 ||
        ::SSL_CTX_set_ciphersuites(context, cipher_suite) != 1 || ::SSL_CTX_set_num_tickets(context, 0) != 1)
        return failure("set up", "TLS", ENOTSUP, openssl_reason());
    SSL_CTX_set_app_data(context, made.get());
    ::SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    ::SSL_CTX_set_psk_use_session_callback(context, Callbacks::use);
    ::SSL_CTX_set_psk_find_session_callback(context, Callbacks::find);
    return made;
}

TlsContext::~TlsContext() { ::OPENSSL_cleanse(secret_.data(), secret_.size()); }

std::optional<TlsStream> TlsStream::make(const TlsContext& context, Role role) {
    TlsStream stream(::SSL_new(context.get()));
    BIO* in = ::BIO_new(::BIO_s_mem());
    BIO* out = ::BIO_new(::BIO_s_mem());
    if (stream.ssl_ == nullptr || in == nullptr || out == nullptr) {
        ::BIO_free(in);
        ::BIO_free(out);
        return std::nullopt;
    }
    ::SSL_set_bio(stream.ssl_.get(), in, out);
    if (role == Role::client) {
        ::SSL_set_verify(stream.ssl_.get(), SSL_VERIFY_PEER, nullptr);  // no authority is known: no certificate will do
        ::SSL_set_connect_state(stream.ssl_.get());
    } else {
        ::SSL_set_accept_state(stream.ssl_.get());
    }
    return stream;
}

void TlsStream::put(std::span<const std::uint8_t> bytes) {
    ::BIO_write(::SSL_get_rbio(ssl_.get()), bytes.data(), length(bytes.size()));
}

std::size_t TlsStream::take(std::span<std::uint8_t> bytes) {
    const int taken = ::BIO_read(::SSL_get_wbio(ssl_.get()), bytes.data(), length(bytes.size()));
    return taken > 0 ? static_cast<std::size_t>(taken) : 0;
}

TlsStream::Step TlsStream::outcome(int result) {
    if (result > 0) return Step::done;
    const int error = ::SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Step::waits;
    error_ = openssl_reason();
    return Step::failed;
}

TlsStream::Step TlsStream::shake_hands() {
    ::ERR_clear_error();
    const Step step = outcome(::SSL_do_handshake(ssl_.get()));
    if (step != Step::done || ::SSL_session_reused(ssl_.get()) == 1) return step;
    error_ = "the handshake did not use the cluster's key";
    return Step::failed;
}

TlsStream::Step TlsStream::read(std::span<std::uint8_t> bytes, std::size_t& size) {
    ::ERR_clear_error();
    return outcome(::SSL_read_ex(ssl_.get(), bytes.data(), bytes.size(), &size));
}

bool TlsStream::write(std::span<const std::uint8_t> bytes) {
    ::ERR_clear_error();
    std::size_t written = 0;
    return outcome(::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written)) == Step::done;
}

}  // namespace culvert::lbd
