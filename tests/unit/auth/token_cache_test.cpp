#include "auth/token_cache.hpp"

#include "tokens.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace subcults::auth;
using namespace subcults::test;

namespace {

const TokenVerifier& verifier() {
    static const TokenVerifier instance({current_secret});
    return instance;
}

std::string token_of(int user, std::int64_t ttl = 900) {
    return mint_access_token(current_secret, "did:plc:user" + std::to_string(user), "", now, ttl);
}

}  // namespace

TEST_CASE("a token that was verified once is answered from memory") {
    TokenCache cache(verifier());
    const std::string token = token_of(1);
    for (int i = 0; i < 3; ++i) {
        const auto claims = cache.verify(token, now + i);
        REQUIRE(claims.has_value());
        CHECK(claims->did == "did:plc:user1");
        CHECK(claims->role == "user");
        CHECK(claims->expires_at == now + 900);
    }
    CHECK(cache.hits() == 2);
    CHECK(cache.misses() == 1);
    CHECK(cache.size() == 1);
}

TEST_CASE("a token that is not good is never remembered") {
    TokenCache cache(verifier());
    const std::string foreign = make_token(good_header, good_payload, "another secret entirely");
    for (int i = 0; i < 3; ++i) {
        CHECK(cache.verify(foreign, now).error() == TokenFault::bad_signature);
        CHECK(cache.verify("", now).error() == TokenFault::malformed);
        CHECK(cache.verify("a.b.c", now).error() == TokenFault::malformed);
    }
    CHECK(cache.size() == 0);
    CHECK(cache.hits() == 0);
}

TEST_CASE("a remembered token is compared in full, not by the part that is hashed") {
    TokenCache cache(verifier());
    const std::string token = token_of(1);
    REQUIRE(cache.verify(token, now).has_value());
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string changed = token;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        if (cache.verify(changed, now)) FAIL("accepted after a change at " << i);
    }
    // The same signature behind other claims.
    const std::string other = token_of(2);
    const std::string grafted = other.substr(0, other.rfind('.')) + token.substr(token.rfind('.'));
    CHECK(cache.verify(grafted, now).error() == TokenFault::bad_signature);
    CHECK(cache.verify(token, now).has_value());
    CHECK(cache.hits() == 1);
}

TEST_CASE("memory ends with exp, and the leeway after it is the verifier's to grant") {
    TokenCache cache(verifier());
    const std::string token = token_of(1, 60);
    REQUIRE(cache.verify(token, now).has_value());
    CHECK(cache.verify(token, now + 59).has_value());
    CHECK(cache.hits() == 1);
    CHECK(cache.verify(token, now + 60).has_value());
    CHECK(cache.verify(token, now + 89).has_value());
    CHECK(cache.hits() == 1);
    CHECK(cache.size() == 0);
    CHECK(cache.verify(token, now + 90).error() == TokenFault::expired);
}

TEST_CASE("a clock that was set back is not answered from memory") {
    TokenCache cache(verifier());
    const std::string token =
        make_token(good_header, R"({"did":"did:plc:a","exp":1769654700,"nbf":1769653800})");
    REQUIRE(cache.verify(token, now).has_value());
    CHECK(cache.verify(token, now - 31).error() == TokenFault::not_yet_valid);
    CHECK(cache.hits() == 0);
}

TEST_CASE("a full cache forgets what nobody asked for again") {
    TokenCache cache(verifier(), 4);
    std::vector<std::string> tokens;
    for (int i = 0; i < 5; ++i) {
        tokens.push_back(token_of(i));
    }
    for (int i = 0; i < 4; ++i) {
        REQUIRE(cache.verify(tokens[static_cast<std::size_t>(i)], now).has_value());
    }
    REQUIRE(cache.verify(tokens[0], now).has_value());  // asked for again
    REQUIRE(cache.verify(tokens[4], now).has_value());  // takes the place of the oldest other one
    CHECK(cache.size() == 4);
    const std::uint64_t hits = cache.hits();
    for (const int kept : {0, 2, 3, 4}) {
        CHECK(cache.verify(tokens[static_cast<std::size_t>(kept)], now).has_value());
    }
    CHECK(cache.hits() == hits + 4);
    CHECK(cache.verify(tokens[1], now).has_value());
    CHECK(cache.hits() == hits + 4);
}

TEST_CASE("the cache stays within its capacity and keeps most of a working set") {
    TokenCache cache(verifier(), 1024);
    std::vector<std::string> tokens;
    for (int i = 0; i < 3000; ++i) {
        tokens.push_back(token_of(i));
        REQUIRE(cache.verify(tokens.back(), now).has_value());
    }
    CHECK(cache.size() <= 1024);
    TokenCache roomy(verifier(), 1024);
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 512; ++i) {
            REQUIRE(roomy.verify(tokens[static_cast<std::size_t>(i)], now).has_value());
        }
    }
    // Half full, 128 sets of 8 hold 4 on average; the odd one overflows and then misses in a cyclic
    // scan. The hash key is random: simulated, 487 hits with a deviation of 14.
    CHECK(roomy.hits() > 384);
}

TEST_CASE("a cache without capacity and an oversized token still verify") {
    TokenCache none(verifier(), 0);
    const std::string token = token_of(1);
    CHECK(none.verify(token, now).has_value());
    CHECK(none.verify(token, now).has_value());
    CHECK(none.hits() == 0);

    TokenCache one(verifier(), 1);
    CHECK(one.verify(token_of(1), now).has_value());
    CHECK(one.verify(token_of(2), now).has_value());
    CHECK(one.size() == 1);

    TokenCache cache(verifier());
    const std::string large =
        make_token(good_header, R"({"did":"did:plc:a","exp":1769654700,"x":")" +
                                    std::string(3'000, 'x') + "\"}");
    CHECK(cache.verify(large, now).has_value());
    CHECK(cache.verify(large, now).has_value());
    CHECK(cache.size() == 0);
}
