#include "auth/jwt.hpp"

#include "tokens.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace subcults::auth;
using namespace subcults::test;

namespace {

const TokenVerifier& verifier() {
    static const TokenVerifier instance({current_secret, previous_secret});
    return instance;
}

subcults::Result<Claims, TokenFault> verify_payload(const std::string& payload,
                                                    std::int64_t at = now) {
    return verifier().verify(make_token(good_header, payload), at);
}

std::string outcome(const subcults::Result<Claims, TokenFault>& result) {
    return result ? "good" : std::string(to_string(result.error()));
}

}  // namespace

TEST_CASE("a minted token is verified and says who, as what and until when") {
    const std::string token = mint_access_token(current_secret, "did:plc:alice", "admin", now, 900);
    const auto claims = verifier().verify(token, now);
    REQUIRE(claims.has_value());
    CHECK(claims->did == "did:plc:alice");
    CHECK(claims->role == "admin");
    CHECK(claims->expires_at == now + 900);
}

TEST_CASE("minted tokens are canonical and carry the claims of an access token") {
    const std::string token = mint_access_token(current_secret, "did:plc:alice", "", now, 900);
    const std::size_t first = token.find('.');
    const std::size_t second = token.find('.', first + 1);
    const auto header = subcults::from_base64url(token.substr(0, first));
    const auto payload = subcults::from_base64url(token.substr(first + 1, second - first - 1));
    REQUIRE(header);
    REQUIRE(payload);
    CHECK(*header == R"({"alg":"HS256","kid":"current","typ":"JWT"})");
    CHECK(*payload ==
          R"({"did":"did:plc:alice","exp":1769654700,"iat":1769653800,"typ":"access"})");
    CHECK(token == make_token(*header, *payload));
}

TEST_CASE("minting refuses what could never be verified") {
    CHECK_THROWS_AS(mint_access_token("", "did:plc:a", "", now, 60), std::invalid_argument);
    CHECK_THROWS_AS(mint_access_token(current_secret, "alice", "", now, 60), std::invalid_argument);
    CHECK_THROWS_AS(mint_access_token(current_secret, "did:plc:a", "", now, 0),
                    std::invalid_argument);
    CHECK_THROWS_AS(mint_access_token(current_secret, "did:plc:a", "\xff", now, 60),
                    std::invalid_argument);
    CHECK_THROWS_AS(mint_access_token(current_secret, "did:plc:a", "",
                                      std::numeric_limits<std::int64_t>::max(), 60),
                    std::invalid_argument);
}

TEST_CASE("tokens of the current and of the previous secret are both good, others are not") {
    for (const std::string& secret : {current_secret, previous_secret}) {
        CHECK(verifier().verify(make_token(good_header, good_payload, secret), now).has_value());
    }
    const std::string foreign = make_token(good_header, good_payload, "another secret entirely");
    CHECK(outcome(verifier().verify(foreign, now)) == "bad_signature");
    const TokenVerifier rotated({current_secret});
    const std::string old = make_token(good_header, good_payload, previous_secret);
    CHECK(outcome(rotated.verify(old, now)) == "bad_signature");
}

TEST_CASE("an unset secret verifies nothing") {
    const std::string token = make_token(good_header, good_payload, "");
    CHECK(outcome(TokenVerifier({current_secret, ""}).verify(token, now)) == "bad_signature");
    CHECK(outcome(TokenVerifier({""}).verify(token, now)) == "bad_signature");
    CHECK(outcome(TokenVerifier({}).verify(token, now)) == "bad_signature");
}

TEST_CASE("a token ends at exp plus the leeway and no later") {
    const std::int64_t exp = 1'769'654'700;
    CHECK(outcome(verify_payload(good_payload, exp - 1)) == "good");
    CHECK(outcome(verify_payload(good_payload, exp)) == "good");
    CHECK(outcome(verify_payload(good_payload, exp + 29)) == "good");
    CHECK(outcome(verify_payload(good_payload, exp + 30)) == "expired");
    CHECK(outcome(verify_payload(good_payload, exp + 31)) == "expired");

    const TokenVerifier strict({current_secret}, 0);
    const std::string token = make_token(good_header, good_payload);
    CHECK(strict.verify(token, exp - 1).has_value());
    CHECK(outcome(strict.verify(token, exp)) == "expired");
    const TokenVerifier negative({current_secret}, -100);
    CHECK(negative.verify(token, exp - 1).has_value());
}

TEST_CASE("a token starts at nbf less the leeway and no earlier") {
    const std::string payload = R"({"did":"did:plc:a","exp":1769654700,"nbf":1769653800})";
    CHECK(outcome(verify_payload(payload, now)) == "good");
    CHECK(outcome(verify_payload(payload, now - 30)) == "good");
    CHECK(outcome(verify_payload(payload, now - 31)) == "not_yet_valid");
}

TEST_CASE("times may have fractions, and round to the shorter life") {
    const std::string payload = R"({"did":"did:plc:a","exp":1769654700.9,"nbf":1769653800.1})";
    const auto claims = verify_payload(payload);
    REQUIRE(claims.has_value());
    CHECK(claims->expires_at == 1'769'654'700);
    CHECK(outcome(verify_payload(payload, now + 1 - 31)) == "not_yet_valid");
    CHECK(outcome(verify_payload(payload, now + 1 - 30)) == "good");
}

TEST_CASE("extreme times do not overflow") {
    const std::string far = R"({"did":"did:plc:a","exp":9223372036854775807})";
    CHECK(outcome(verify_payload(far)) == "good");
    CHECK(outcome(verify_payload(R"({"did":"did:plc:a","exp":-9223372036854775808})")) ==
          "expired");
    CHECK(outcome(verify_payload(
              R"({"did":"did:plc:a","exp":1769654700,"nbf":9223372036854775807})")) ==
          "not_yet_valid");
    CHECK(outcome(verify_payload(R"({"did":"did:plc:a","exp":0})")) == "expired");
}

TEST_CASE("claims are held to their types") {
    const std::vector<std::pair<std::string, std::string>> table{
        {R"({"exp":1769654700})", "missing_claim"},
        {R"({"did":"did:plc:a"})", "missing_claim"},
        {R"({})", "missing_claim"},
        {R"({"did":"","exp":1769654700})", "malformed"},
        {R"({"did":7,"exp":1769654700})", "malformed"},
        {R"({"did":null,"exp":1769654700})", "malformed"},
        {R"({"did":["did:plc:a"],"exp":1769654700})", "malformed"},
        {R"({"did":"did:plc:a","exp":"1769654700"})", "malformed"},
        {R"({"did":"did:plc:a","exp":null})", "malformed"},
        {R"({"did":"did:plc:a","exp":true})", "malformed"},
        {R"({"did":"did:plc:a","exp":1e300})", "malformed"},
        {R"({"did":"did:plc:a","exp":18446744073709551615})", "malformed"},
        {R"({"did":"did:plc:a","exp":1769654700,"nbf":"now"})", "malformed"},
        {R"({"did":"did:plc:a","exp":1769654700,"iat":"now"})", "malformed"},
        {R"({"did":"did:plc:a","exp":1769654700,"iat":1769653800})", "good"},
        {R"({"did":"did:plc:a","exp":1769654700,"typ":"access"})", "good"},
        {R"({"did":"did:plc:a","exp":1769654700,"typ":"refresh"})", "wrong_type"},
        {R"({"did":"did:plc:a","exp":1769654700,"typ":"ACCESS"})", "wrong_type"},
        {R"({"did":"did:plc:a","exp":1769654700,"typ":null})", "wrong_type"},
        {R"({"typ":"refresh"})", "wrong_type"},
        {R"({"did":"did:plc:a","exp":1769654700,"extra":{"a":[1,2,{}]}})", "good"},
    };
    for (const auto& [payload, expected] : table) {
        INFO(payload);
        CHECK(outcome(verify_payload(payload)) == expected);
    }
}

TEST_CASE("only the role admin is more than a user") {
    const std::vector<std::pair<std::string, std::string>> table{
        {R"("admin")", "admin"},    {R"("user")", "user"},  {R"("Admin")", "user"},
        {R"("admin ")", "user"},    {R"("owner")", "user"}, {R"("")", "user"},
        {R"(["admin"])", "user"},   {R"(true)", "user"},    {R"(null)", "user"},
        {R"({"admin":1})", "user"},
    };
    for (const auto& [role, expected] : table) {
        INFO(role);
        const auto claims =
            verify_payload(R"({"did":"did:plc:a","exp":1769654700,"role":)" + role + "}");
        REQUIRE(claims.has_value());
        CHECK(claims->role == expected);
    }
    CHECK(verify_payload(good_payload)->role == "user");
}

TEST_CASE("a DID has a method, an id and nothing that DIDs do not have") {
    for (const char* good : {"did:plc:z72i7hdynmk6r22z27h6tvur", "did:web:example.com",
                             "did:web:localhost%3A8080", "did:web:example.com:user:alice",
                             "did:key:zQ3shZc2QzApp2oymGvQbzP8eKheVshBHbU4ZYjeXqwSKEn6N",
                             "did:m:a_b-c.d", "did:3:x"}) {
        INFO(good);
        CHECK(is_did(good));
    }
    using namespace std::string_literals;
    const std::vector<std::string> bad{"",
                                       "did",
                                       "did:",
                                       "did:plc",
                                       "did:plc:",
                                       "did::x",
                                       "DID:plc:x",
                                       "did:PLC:x",
                                       "did:plc:x:",
                                       "did:plc:x%",
                                       "did:plc:x y",
                                       " did:plc:x",
                                       "did:plc:x\n",
                                       "did:plc:x\0"s,
                                       "did:plc:\x7f",
                                       "did:plc:x/y",
                                       "did:plc:x?y",
                                       "did:plc:x#y",
                                       "did:p-c:x",
                                       "did:plc:\xc3\xa9",
                                       "plc:x",
                                       "did:plc:x\"",
                                       "did:plc:x'",
                                       "did:plc:x,",
                                       "at://did:plc:x"};
    for (const std::string& text : bad) {
        INFO(text);
        CHECK_FALSE(is_did(text));
    }
    const std::string prefix = "did:plc:";
    CHECK(is_did(prefix + std::string(max_did_bytes - prefix.size(), 'a')));
    CHECK_FALSE(is_did(prefix + std::string(max_did_bytes - prefix.size() + 1, 'a')));
}

TEST_CASE("a fault has a name and value() says it") {
    CHECK(to_string(TokenFault::not_yet_valid) == "not_yet_valid");
    CHECK_THROWS_WITH(verifier().verify("", now).value(), "access token refused: malformed");
}
