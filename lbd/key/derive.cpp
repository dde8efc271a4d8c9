// SPDX-License-Identifier: Apache-2.0
#include "lbd/key/derive.hpp"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;

constexpr std::string_view hash_label = "culvert flow hash";
constexpr std::string_view digest_label = "culvert flow hash digest";

/// The hash key, in the order in which it is derived.
using HashKey = std::array<std::uint8_t, sizeof(lb_config::hash_final) + sizeof(lb_config::hash_key)>;

HashKey hash_key_of(const lb_config& config) {
    HashKey key;
    std::memcpy(key.data(), &config.hash_final, sizeof config.hash_final);
    std::memcpy(key.data() + sizeof config.hash_final, config.hash_key, sizeof config.hash_key);
    return key;
}

std::string openssl_error() {
    std::array<char, 256> text{};
    ::ERR_error_string_n(::ERR_get_error(), text.data(), text.size());
    return text.data();
}

struct Free {
    void operator()(EVP_KDF* kdf) const { ::EVP_KDF_free(kdf); }
    void operator()(EVP_KDF_CTX* context) const { ::EVP_KDF_CTX_free(context); }
};

OSSL_PARAM octets(const char* name, const void* bytes, std::size_t size) {
    return ::OSSL_PARAM_construct_octet_string(name, const_cast<void*>(bytes), size);  // it is only read
}

}  // namespace

Result<> derive(std::span<const std::uint8_t> secret, std::string_view label, std::span<std::uint8_t> derived) {
    std::string digest = "SHA256";
    const std::array parameters{::OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), digest.size()),
                                octets(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
                                octets(OSSL_KDF_PARAM_INFO, label.data(), label.size()), ::OSSL_PARAM_construct_end()};
    const std::unique_ptr<EVP_KDF, Free> kdf(::EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_HKDF, nullptr));
    const std::unique_ptr<EVP_KDF_CTX, Free> context(kdf ? ::EVP_KDF_CTX_new(kdf.get()) : nullptr);
    if (!context || ::EVP_KDF_derive(context.get(), derived.data(), derived.size(), parameters.data()) <= 0)
        return failure("derive", "a key from the cluster's key", ENOTSUP, openssl_error());
    return {};
}

Result<> set_hash_key(lb_config& config, const ClusterKey& key) {
    HashKey derived;
    CHECK_OK(derive(key.bytes, hash_label, derived));
    std::memcpy(&config.hash_final, derived.data(), sizeof config.hash_final);
    std::memcpy(config.hash_key, derived.data() + sizeof config.hash_final, sizeof config.hash_key);
    return {};
}

bool have_same_hash_key(const lb_config& a, const lb_config& b) { return hash_key_of(a) == hash_key_of(b); }

Result<std::string> digest_of_hash_key(const lb_config& config) {
    std::array<std::uint8_t, 4> digest;
    CHECK_OK(derive(hash_key_of(config), digest_label, digest));
    return fmt::format("{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
}

}  // namespace culvert::lbd
