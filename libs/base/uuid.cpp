#include "base/uuid.hpp"

#include "base/random_stock.hpp"
#include "base/time.hpp"

#include <openssl/evp.h>

#include <cstring>
#include <new>
#include <span>
#include <stdexcept>

namespace subcults {

namespace {

constexpr std::array<std::size_t, 16> text_offset{0,  2,  4,  6,  9,  11, 14, 16,
                                                  19, 21, 24, 26, 28, 30, 32, 34};

constexpr int nibble(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void set_version(Uuid& id, std::uint8_t version) noexcept {
    id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0fU) | (version << 4U));
    id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3fU) | 0x80U);
}

std::uint64_t big_endian(const std::uint8_t* from) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return __builtin_bswap64(value);
}

}  // namespace

std::string Uuid::to_string() const {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text(36, '-');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        text[text_offset[i]] = digits[bytes[i] >> 4U];
        text[text_offset[i] + 1] = digits[bytes[i] & 0x0fU];
    }
    return text;
}

std::optional<Uuid> Uuid::parse(std::string_view text) noexcept {
    if (text.size() != 36) return std::nullopt;
    if (text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') {
        return std::nullopt;
    }
    Uuid id;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        const int high = nibble(text[text_offset[i]]);
        const int low = nibble(text[text_offset[i] + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return id;
}

Uuid uuid_v7() {
    Uuid id;
    stocked_random(std::span(id.bytes).subspan<6>());
    auto millis = static_cast<std::uint64_t>(now_micros().value / 1'000);
    for (int i = 5; i >= 0; --i) {
        id.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(millis);
        millis >>= 8U;
    }
    set_version(id, 7);
    return id;
}

Uuid uuid_v5(const Uuid& name_space, std::string_view name) {
    struct Sha1 {
        EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA1", nullptr);
        EVP_MD_CTX* context = EVP_MD_CTX_new();
        Sha1() {
            if (algorithm == nullptr || context == nullptr) throw std::bad_alloc();
        }
        ~Sha1() {
            EVP_MD_CTX_free(context);
            EVP_MD_free(algorithm);
        }
    };
    static thread_local Sha1 sha1;
    std::array<std::uint8_t, 20> digest;
    if (EVP_DigestInit_ex2(sha1.context, sha1.algorithm, nullptr) != 1 ||
        EVP_DigestUpdate(sha1.context, name_space.bytes.data(), name_space.bytes.size()) != 1 ||
        EVP_DigestUpdate(sha1.context, name.data(), name.size()) != 1 ||
        EVP_DigestFinal_ex(sha1.context, digest.data(), nullptr) != 1) {
        throw std::runtime_error("SHA-1 failed");
    }
    Uuid id;
    std::memcpy(id.bytes.data(), digest.data(), id.bytes.size());
    set_version(id, 5);
    return id;
}

std::size_t UuidHash::operator()(const Uuid& id) const noexcept {
    // Read so that the low bits, which pick the bucket, are the random ones of every version.
    return static_cast<std::size_t>(big_endian(id.bytes.data() + 8) ^ big_endian(id.bytes.data()));
}

}  // namespace subcults
