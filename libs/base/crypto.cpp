#include "base/crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <stdexcept>

namespace subcults {

namespace {

[[noreturn]] void fail(const char* what) {
    throw std::runtime_error(std::string("OpenSSL failed: ") + what);
}

// What OpenSSL 3 would otherwise look up in its provider tables on every call. One per thread:
// sharing them would share their reference counts between cores.
struct Sha256 {
    EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    EVP_MD_CTX* context = EVP_MD_CTX_new();

    Sha256() {
        if (algorithm == nullptr || context == nullptr) {
            release();
            fail("SHA-256 is not available");
        }
    }
    ~Sha256() { release(); }
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void release() noexcept {
        EVP_MD_CTX_free(context);
        EVP_MD_free(algorithm);
    }
};

}  // namespace

Digest256 sha256(std::string_view data) {
    static thread_local Sha256 sha;
    Digest256 digest;
    if (EVP_DigestInit_ex2(sha.context, sha.algorithm, nullptr) != 1 ||
        EVP_DigestUpdate(sha.context, data.data(), data.size()) != 1 ||
        EVP_DigestFinal_ex(sha.context, digest.data(), nullptr) != 1) {
        fail("SHA-256");
    }
    return digest;
}

Digest256 hkdf_sha256(std::string_view key, std::string_view purpose) {
    // Extract with the salt that the RFC puts in the place of none, then the first and only block
    // of expand.
    static constexpr std::array<char, 32> no_salt{};
    const Digest256 extracted = hmac_sha256({no_salt.data(), no_salt.size()}, key);
    std::string info(purpose);
    info.push_back('\x01');
    return hmac_sha256(as_view(extracted), info);
}

bool constant_time_equal(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void random_bytes(std::span<std::uint8_t> out) {
    while (!out.empty()) {
        const std::size_t chunk =
            std::min(out.size(), static_cast<std::size_t>(std::numeric_limits<int>::max()));
        if (RAND_bytes(out.data(), static_cast<int>(chunk)) != 1) fail("RAND_bytes");
        out = out.subspan(chunk);
    }
}

namespace {

struct FreeMacContext {
    void operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }
};
using MacContext = std::unique_ptr<EVP_MAC_CTX, FreeMacContext>;

// A context that knows its digest but has no key yet. Setting the digest is the slow part: OpenSSL
// looks it up by name.
MacContext new_mac_context() {
    struct FreeMac {
        void operator()(EVP_MAC* mac) const noexcept { EVP_MAC_free(mac); }
    };
    static thread_local const std::unique_ptr<EVP_MAC, FreeMac> algorithm(
        EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    if (!algorithm) fail("HMAC is not available");
    MacContext context(EVP_MAC_CTX_new(algorithm.get()));
    if (!context) fail("out of memory");
    char digest_name[] = "SHA256";
    const std::array<OSSL_PARAM, 2> params{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
        OSSL_PARAM_construct_end()};
    if (EVP_MAC_CTX_set_params(context.get(), params.data()) != 1) fail("HMAC digest");
    return context;
}

void set_key(EVP_MAC_CTX* context, std::string_view key) {
    // OpenSSL reads a null key as "keep the old one", so an empty key needs an address of its own.
    const unsigned char empty_key = 0;
    const unsigned char* bytes =
        key.empty() ? &empty_key : reinterpret_cast<const unsigned char*>(key.data());
    if (EVP_MAC_init(context, bytes, key.size(), nullptr) != 1) fail("HMAC key");
}

Digest256 finish(EVP_MAC_CTX* context, std::string_view data) {
    Digest256 digest;
    std::size_t length = 0;
    if (EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(data.data()), data.size()) !=
            1 ||
        EVP_MAC_final(context, digest.data(), &length, digest.size()) != 1 ||
        length != digest.size()) {
        fail("HMAC-SHA-256");
    }
    return digest;
}

}  // namespace

Digest256 hmac_sha256(std::string_view key, std::string_view data) {
    static thread_local const MacContext context = new_mac_context();
    set_key(context.get(), key);
    return finish(context.get(), data);
}

struct HmacSha256::Impl {
    MacContext context = new_mac_context();
};

HmacSha256::HmacSha256(std::string_view key) : impl_(std::make_unique<Impl>()) {
    set_key(impl_->context.get(), key);
}

HmacSha256::~HmacSha256() = default;
HmacSha256::HmacSha256(HmacSha256&&) noexcept = default;
HmacSha256& HmacSha256::operator=(HmacSha256&&) noexcept = default;

Digest256 HmacSha256::operator()(std::string_view data) {
    EVP_MAC_CTX* context = impl_->context.get();
    // Without a key this starts over under the one that is set.
    if (EVP_MAC_init(context, nullptr, 0, nullptr) != 1) fail("HMAC restart");
    return finish(context, data);
}

}  // namespace subcults
