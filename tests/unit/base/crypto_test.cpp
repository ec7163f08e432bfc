#include "base/crypto.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace {

std::string hex_of(const subcults::Digest256& digest) {
    return subcults::hex(subcults::as_view(digest));
}

struct MacVector {
    std::string key, data, mac;
};

// RFC 4231, test cases 1 to 4, 6 and 7, and the empty message under the empty key.
std::vector<MacVector> mac_vectors() {
    std::string counting;
    for (char c = 1; c <= 25; ++c) {
        counting.push_back(c);
    }
    const std::string long_key(131, '\xaa');
    return {
        {std::string(20, '\x0b'), "Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"Jefe", "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {std::string(20, '\xaa'), std::string(50, '\xdd'),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {counting, std::string(50, '\xcd'),
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {long_key, "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {long_key,
         "This is a test using a larger than block-size key and a larger than block-size data. "
         "The key needs to be hashed before being used by the HMAC algorithm.",
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
        {"", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
}

}  // namespace

TEST_CASE("SHA-256 gives the digests of FIPS 180") {
    CHECK(hex_of(subcults::sha256("")) ==
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(hex_of(subcults::sha256("abc")) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(hex_of(subcults::sha256(std::string(1'000'000, 'a'))) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("HMAC-SHA-256 gives the MACs of RFC 4231") {
    for (const MacVector& vector : mac_vectors()) {
        INFO(vector.data);
        CHECK(hex_of(subcults::hmac_sha256(vector.key, vector.data)) == vector.mac);
    }
}

TEST_CASE("a keyed MAC can be used again and again, and moved") {
    for (const MacVector& vector : mac_vectors()) {
        subcults::HmacSha256 mac(vector.key);
        CHECK(hex_of(mac(vector.data)) == vector.mac);
        CHECK(hex_of(mac("something else")) != vector.mac);
        CHECK(hex_of(mac(vector.data)) == vector.mac);
        subcults::HmacSha256 moved(std::move(mac));
        CHECK(hex_of(moved(vector.data)) == vector.mac);
        subcults::HmacSha256 assigned("another key");
        assigned = std::move(moved);
        CHECK(hex_of(assigned(vector.data)) == vector.mac);
    }
}

TEST_CASE("HKDF gives the keys of RFC 5869 and separates purposes") {
    // Test case 3 (no salt, no info), first block.
    CHECK(hex_of(subcults::hkdf_sha256(std::string(22, '\x0b'), "")) ==
          "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
    CHECK(hex_of(subcults::hkdf_sha256("key", "audit")) ==
          "9b4b9cde86e55b9c3c82266eb88286bf8a2487247a1429c021e3ff1363927689");
    CHECK(subcults::hkdf_sha256("key", "audit") != subcults::hkdf_sha256("key", "actor"));
}

TEST_CASE("constant-time comparison is still a comparison") {
    using namespace std::string_literals;
    CHECK(subcults::constant_time_equal("", ""));
    CHECK(subcults::constant_time_equal("abc", "abc"));
    CHECK(subcults::constant_time_equal("a\0b"s, "a\0b"s));
    CHECK_FALSE(subcults::constant_time_equal("abc", "abd"));
    CHECK_FALSE(subcults::constant_time_equal("a\0b"s, "a\0c"s));
    CHECK_FALSE(subcults::constant_time_equal("abc", "ab"));
    CHECK_FALSE(subcults::constant_time_equal("", "a"));
}

TEST_CASE("random bytes fill the whole span and do not repeat") {
    std::vector<std::uint8_t> a(4096);
    std::vector<std::uint8_t> b(4096);
    subcults::random_bytes(a);
    subcults::random_bytes(b);
    CHECK(a != b);
    // A run of 16 zeros in random data: once in 10^35 runs.
    const std::vector<std::uint8_t> zeros(16);
    CHECK(std::search(a.begin(), a.end(), zeros.begin(), zeros.end()) == a.end());
    subcults::random_bytes({});
}
