#include "auth/webhook_signature.hpp"

#include "auth/livekit_token.hpp"
#include "base/crypto.hpp"
#include "livekit/access.hpp"
#include "support/catch_result.hpp"
#include "tokens.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::auth;

namespace {

const std::string key = "api-key";
const Secret secret(std::string(40, 's'));
constexpr std::int64_t now = 1'769'653'800;
const std::string body = R"({"event":"room_started","id":"EV_1"})";

WebhookVerifier verifier() {
    return WebhookVerifier(key, secret);
}

std::string good() {
    return livekit_stub::sign_webhook(body, key, secret.reveal(), now);
}

std::optional<SignatureFault> fault(const std::string& header, const std::string& text = body,
                                    std::int64_t at = now) {
    const auto result = verifier().verify(header, text, at);
    if (result.has_value()) return std::nullopt;
    return result.error();
}

std::string made(const std::string& header, const std::string& claims) {
    return test::make_token(header, claims, secret.reveal());
}

const std::string hs256 = R"({"alg":"HS256","typ":"JWT"})";
// Of `body`, in standard base64: what a good signature names.
std::string digest() {
    const std::string token = good();
    const std::size_t first = token.find('.');
    const std::size_t second = token.find('.', first + 1);
    const std::string claims = from_base64url(token.substr(first + 1, second - first - 1)).value();
    const std::size_t at = claims.find("\"sha256\":\"") + 10;
    return claims.substr(at, claims.find('"', at) - at);
}

}  // namespace

TEST_CASE("a webhook signed by LiveKit is accepted, with or without Bearer") {
    CHECK_FALSE(fault(good()));
    CHECK_FALSE(fault("Bearer " + good()));
    CHECK_FALSE(fault("bearer " + good()));
}

TEST_CASE("one byte of the body changed, added or missing is noticed") {
    CHECK(fault(good(), body + " ") == SignatureFault::body_mismatch);
    CHECK(fault(good(), body.substr(1)) == SignatureFault::body_mismatch);
    std::string changed = body;
    changed[5] = 'E';
    CHECK(fault(good(), changed) == SignatureFault::body_mismatch);
    CHECK(fault(good(), "") == SignatureFault::body_mismatch);
}

TEST_CASE("a participant's own token is no signature") {
    LiveKitSigner signer(key, secret);
    const std::string token = signer.join_token("room", "user", LiveKitRole::host, now, 600);
    CHECK(fault(token) == SignatureFault::missing_claim);
    CHECK(fault(signer.call_token(LiveKitGrant::room_admin, "room", now)) ==
          SignatureFault::missing_claim);
}

TEST_CASE("other keys, other issuers and unsigned tokens are refused") {
    CHECK(fault(livekit_stub::sign_webhook(body, key, std::string(40, 't'), now)) ==
          SignatureFault::bad_signature);
    CHECK(fault(livekit_stub::sign_webhook(body, "another-key", secret.reveal(), now)) ==
          SignatureFault::unknown_issuer);
    const std::string claims =
        R"({"iss":"api-key","exp":1769653900,"sha256":")" + digest() + R"("})";
    CHECK_FALSE(fault(made(hs256, claims)));
    for (const char* header : {R"({"alg":"none"})", R"({"alg":"hs256"})", R"({"alg":"HS512"})",
                               R"({"alg":"RS256"})", R"({"alg":["HS256"]})", R"({})"}) {
        INFO(header);
        CHECK(fault(made(header, claims)) == SignatureFault::unsupported_algorithm);
    }
    const std::string unsigned_token =
        base64url(R"({"alg":"HS256"})") + "." + base64url(claims) + ".";
    CHECK(fault(unsigned_token) == SignatureFault::bad_signature);
}

TEST_CASE("a signature without an end, or whose time is over or not yet come, is refused") {
    const std::string tail = R"(,"sha256":")" + digest() + R"("})";
    CHECK(fault(made(hs256, R"({"iss":"api-key")" + tail)) == SignatureFault::missing_claim);
    CHECK(fault(made(hs256, R"({"iss":"api-key","exp":"1769653900")" + tail)) ==
          SignatureFault::missing_claim);
    CHECK(fault(good(), body, now + 300 + 60) == std::nullopt);
    CHECK(fault(good(), body, now + 300 + 61) == SignatureFault::expired);
    CHECK(fault(good(), body, now - 60) == std::nullopt);
    CHECK(fault(good(), body, now - 61) == SignatureFault::not_yet_valid);
    CHECK(fault(made(hs256, R"({"iss":"api-key","exp":1769653900,"nbf":"x")" + tail)) ==
          SignatureFault::malformed);
}

TEST_CASE("a digest that is missing, of another type or no digest is refused") {
    const std::string head = R"({"iss":"api-key","exp":1769653900)";
    CHECK(fault(made(hs256, head + "}")) == SignatureFault::missing_claim);
    CHECK(fault(made(hs256, head + R"(,"sha256":null})")) == SignatureFault::missing_claim);
    CHECK(fault(made(hs256, head + R"(,"sha256":""})")) == SignatureFault::body_mismatch);
    CHECK(fault(made(hs256, head + R"(,"sha256":"!!"})")) == SignatureFault::body_mismatch);
}

TEST_CASE("what is no token is refused and breaks nothing") {
    const std::string huge(100'000, 'a');
    for (const std::string& header :
         {std::string(), std::string("."), std::string(".."), std::string("..."),
          std::string("a.b"), std::string("a.b.c.d"), std::string("Bearer "), huge,
          huge + "." + huge + "." + huge, std::string("\xff\xfe.\x80.\x01"),
          base64url("[]") + ".e30.AA", base64url(std::string("{\0}", 3)) + ".e30.AA"}) {
        CHECK(fault(header) == SignatureFault::malformed);
    }
    CHECK(fault(made(hs256, "[1]")) == SignatureFault::malformed);
    const std::string deep(2000, '[');
    CHECK(fault(made(hs256, deep)) == SignatureFault::malformed);
}

TEST_CASE("nothing is verified without key and secret") {
    CHECK_THROWS_AS(WebhookVerifier("", secret), std::invalid_argument);
    CHECK_THROWS_AS(WebhookVerifier(key, Secret()), std::invalid_argument);
}
