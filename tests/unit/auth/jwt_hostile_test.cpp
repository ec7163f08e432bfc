// Tokens made to be accepted by careless verifiers.
#include "auth/jwt.hpp"

#include "tokens.hpp"

#include <catch2/catch.hpp>

#include <jwt.h>

#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace subcults::auth;
using namespace subcults::test;
using namespace std::string_literals;

namespace {

const TokenVerifier& verifier() {
    static const TokenVerifier instance({current_secret, previous_secret});
    return instance;
}

std::string outcome(std::string_view token) {
    const auto result = verifier().verify(token, now);
    return result ? "good" : std::string(to_string(result.error()));
}

// What libjwt signs by itself with another algorithm of the HMAC family.
std::string libjwt_token(jwt_alg_t algorithm) {
    jwt_t* created = nullptr;
    REQUIRE(jwt_new(&created) == 0);
    const std::unique_ptr<jwt_t, decltype(&jwt_free)> token(created, &jwt_free);
    REQUIRE(jwt_add_grants_json(created, good_payload.c_str()) == 0);
    const bool signing = algorithm != JWT_ALG_NONE;
    REQUIRE(jwt_set_alg(
                created, algorithm,
                signing ? reinterpret_cast<const unsigned char*>(current_secret.data()) : nullptr,
                signing ? static_cast<int>(current_secret.size()) : 0) == 0);
    const std::unique_ptr<char, decltype(&std::free)> text(jwt_encode_str(created), &std::free);
    REQUIRE(text != nullptr);
    return text.get();
}

}  // namespace

TEST_CASE("the header decides nothing: any algorithm but HS256 is refused, however signed") {
    for (const char* header : {R"({"alg":"none"})",    R"({"alg":"None","typ":"JWT"})",
                               R"({"alg":"nOnE"})",    R"({"alg":""})",
                               R"({"alg":"HS384"})",   R"({"alg":"HS512"})",
                               R"({"alg":"RS256"})",   R"({"alg":"ES256"})",
                               R"({"alg":"PS256"})",   R"({"alg":"hs256"})",
                               R"({"alg":"HS256 "})",  R"({"alg":" HS256"})",
                               R"({"alg":"HS2560"})",  R"({"alg":"HS256\u0000"})",
                               R"({"alg":null})",      R"({"alg":256})",
                               R"({"alg":["HS256"]})", R"({"ALG":"HS256"})",
                               R"({"typ":"JWT"})",     R"({})"}) {
        INFO(header);
        CHECK(outcome(make_token(header, good_payload)) == "unsupported_algorithm");
    }
}

TEST_CASE("tokens that libjwt signs with other algorithms are refused") {
    CHECK(outcome(libjwt_token(JWT_ALG_HS256)) == "good");
    CHECK(outcome(libjwt_token(JWT_ALG_HS384)) == "unsupported_algorithm");
    CHECK(outcome(libjwt_token(JWT_ALG_HS512)) == "unsupported_algorithm");
    CHECK(outcome(libjwt_token(JWT_ALG_NONE)) == "unsupported_algorithm");
}

TEST_CASE("headers that ask for extensions are refused") {
    for (const char* header :
         {R"({"alg":"HS256","crit":["exp"],"exp":1})", R"({"alg":"HS256","crit":[]})",
          R"({"alg":"HS256","b64":false})", R"({"alg":"HS256","zip":"DEF"})",
          R"({"alg":"HS256","enc":"A128GCM"})"}) {
        INFO(header);
        CHECK(outcome(make_token(header, good_payload)) == "unsupported_algorithm");
    }
    // These name keys; the verifier uses its own and nothing else.
    CHECK(outcome(make_token(R"({"alg":"HS256","kid":"../../dev/null"})", good_payload)) == "good");
    CHECK(outcome(make_token(R"({"alg":"HS256","jku":"https://evil.example/"})", good_payload)) ==
          "good");
}

TEST_CASE("the header's type is JWT or absent") {
    CHECK(outcome(make_token(R"({"alg":"HS256"})", good_payload)) == "good");
    CHECK(outcome(make_token(R"({"alg":"HS256","typ":"jwt"})", good_payload)) == "good");
    for (const char* type : {R"("JOSE")", R"("JW")", R"("")", "null", "1", R"("JWT\u0000")"}) {
        INFO(type);
        const std::string header = R"({"alg":"HS256","typ":)"s + type + "}";
        CHECK(outcome(make_token(header, good_payload)) == "wrong_type");
    }
}

TEST_CASE("doubled members are refused, whichever of them is harmless") {
    for (const char* header :
         {R"({"alg":"HS256","alg":"none"})", R"({"alg":"none","alg":"HS256"})",
          R"({"alg":"HS256","\u0061lg":"none"})", R"({"alg":"HS256","typ":"JWT","typ":"JWT"})"}) {
        INFO(header);
        CHECK(outcome(make_token(header, good_payload)) == "malformed");
    }
    for (const char* payload :
         {R"({"did":"did:plc:a","did":"did:plc:b","exp":1769654700})",
          R"({"did":"did:plc:a","exp":1,"exp":1769654700})",
          R"({"did":"did:plc:a","exp":1769654700,"role":"user","role":"admin"})",
          R"({"did":"did:plc:a","exp":1769654700,"role":"user","\u0072ole":"admin"})",
          R"({"did":"did:plc:a","exp":1769654700,"nbf":1,"nbf":2})"}) {
        INFO(payload);
        CHECK(outcome(make_token(good_header, payload)) == "malformed");
    }
}

TEST_CASE("segments that are missing, doubled or not JSON objects are refused") {
    const std::string good = make_token(good_header, good_payload);
    const std::string header64 = subcults::base64url(good_header);
    const std::string payload64 = subcults::base64url(good_payload);
    const std::string signature = good.substr(good.rfind('.') + 1);
    REQUIRE(outcome(good) == "good");

    const std::vector<std::pair<std::string, std::string>> table{
        {"", "malformed"},
        {".", "malformed"},
        {"..", "malformed"},
        {"...", "malformed"},
        {"a.b.c", "malformed"},
        {"garbage", "malformed"},
        {header64 + "." + payload64, "malformed"},
        {header64 + "." + payload64 + ".", "bad_signature"},
        {header64 + ".." + signature, "malformed"},
        {"." + payload64 + "." + signature, "malformed"},
        {good + ".", "malformed"},
        {good + "." + signature, "malformed"},
        {good + "." + payload64 + "." + signature, "malformed"},
        {"." + good, "malformed"},
        {" " + good, "malformed"},
        {good + " ", "malformed"},
        {good + "\n", "malformed"},
        {good + "\0"s, "malformed"},
        {good + "\0garbage"s, "malformed"},
        {"\0"s + good, "malformed"},
        {header64 + "\0."s + payload64 + "." + signature, "malformed"},
        {"Bearer " + good, "malformed"},
        {good + good, "malformed"},
        {payload64 + "." + header64 + "." + signature, "unsupported_algorithm"},
        {header64 + "." + payload64 + "." + signature.substr(0, 42), "malformed"},
        {header64 + "." + payload64 + "." + signature.substr(0, 40), "bad_signature"},
        {header64 + "." + payload64 + "." + signature + "AAAA", "bad_signature"},
        {header64 + "." + payload64 + "." + std::string(43, 'A'), "bad_signature"},
        {header64 + "." + payload64 + "." + std::string(44, 'A'), "bad_signature"},
        {make_token("[]", good_payload), "malformed"},
        {make_token("\"HS256\"", good_payload), "malformed"},
        {make_token("{", good_payload), "malformed"},
        {make_token(good_header + "x", good_payload), "malformed"},
        {make_token(good_header + "\0"s, good_payload), "malformed"},
        {make_token("\xef\xbb\xbf" + good_header, good_payload), "malformed"},
        {make_token(good_header, "[]"), "malformed"},
        {make_token(good_header, "null"), "malformed"},
        {make_token(good_header, "{"), "malformed"},
        {make_token(good_header, good_payload + "{}"), "malformed"},
        {make_token(good_header, good_payload + "\0"s), "malformed"},
        {make_token(good_header, good_payload + "\0{\"role\":\"admin\"}"s), "malformed"},
        {make_token(good_header, "\xff\xfe"), "malformed"},
        {make_token(good_header, "{\"did\":\"did:plc:\xff\",\"exp\":1769654700}"), "malformed"},
        {make_token(good_header, R"({"did":"did:plc:a\u0000b","exp":1769654700})"), "malformed"},
        {make_token(good_header, R"({"did":"did:plc:a","exp":NaN})"), "malformed"},
        {make_token(good_header, R"({"did":"did:plc:a","exp":Infinity})"), "malformed"},
        {make_token(good_header, R"({"did":"did:plc:a","exp":1769654700,})"), "malformed"},
        {make_token(good_header, R"({"did":"did:plc:a",/**/"exp":1769654700})"), "malformed"},
    };
    for (const auto& [token, expected] : table) {
        INFO(token);
        CHECK(outcome(token) == expected);
    }
}

TEST_CASE("each token has one spelling: other base64 of the same bytes is refused") {
    const std::string good = make_token(good_header, good_payload);
    const std::string header64 = subcults::base64url(good_header);
    const std::string payload64 = subcults::base64url(good_payload);
    const std::string signature = good.substr(good.rfind('.') + 1);

    // The last of 43 characters carries two bits that must be zero.
    static const std::string alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string loose = signature;
    loose.back() = alphabet[alphabet.find(loose.back()) + 1];
    CHECK(outcome(header64 + "." + payload64 + "." + loose) == "malformed");
    CHECK(outcome(good + "=") == "malformed");
    CHECK(outcome(good + "==") == "malformed");

    // Even a signature over the sloppy spelling does not make it good.
    CHECK(outcome(sign_segments(header64 + "=", payload64)) == "malformed");
    CHECK(outcome(sign_segments(header64, payload64 + "==")) == "malformed");
    CHECK(outcome(sign_segments(header64 + "\n", payload64)) == "malformed");
    CHECK(outcome(sign_segments(header64, payload64 + " ")) == "malformed");
    const std::string standard = subcults::base64url(R"({"alg":"HS256","x":"~~~???"})");
    REQUIRE(standard.find_first_of("-_") != std::string::npos);
    std::string plus = standard;
    for (char& c : plus) {
        if (c == '-') c = '+';
        if (c == '_') c = '/';
    }
    CHECK(outcome(sign_segments(standard, payload64)) == "good");
    CHECK(outcome(sign_segments(plus, payload64)) == "malformed");
}

TEST_CASE("a token is refused beyond 8 KiB and accepted up to it") {
    const auto padded = [](std::size_t filler) {
        return make_token(good_header, R"({"did":"did:plc:a","exp":1769654700,"x":")" +
                                           std::string(filler, 'x') + "\"}");
    };
    std::size_t filler = 6'000;
    while (padded(filler + 1).size() <= max_token_bytes) {
        ++filler;
    }
    CHECK(padded(filler).size() <= max_token_bytes);
    CHECK(outcome(padded(filler)) == "good");
    CHECK(outcome(padded(filler + 1)) == "malformed");
    CHECK(outcome(std::string(10'000'000, 'A')) == "malformed");
    CHECK(outcome(std::string(max_token_bytes, '.')) == "malformed");
}

TEST_CASE("deep nesting costs no stack") {
    const std::string open(2'900, '[');
    const std::string close(2'900, ']');
    CHECK(outcome(make_token(R"({"alg":"HS256","x":)" + open + close + "}", good_payload)) !=
          "bad_signature");
    CHECK(outcome(make_token(open, good_payload)) == "malformed");
    CHECK(outcome(make_token(good_header, open)) == "malformed");
}

TEST_CASE("changing any one character makes a token worthless") {
    const std::string good = make_token(good_header, good_payload);
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (const char replacement : {'A', 'B', '_', '.', '=', '\0', '\xff'}) {
            if (good[i] == replacement) continue;
            std::string changed = good;
            changed[i] = replacement;
            if (verifier().verify(changed, now)) {
                FAIL("accepted after a change at " << i);
            }
        }
    }
    for (std::size_t length = 0; length < good.size(); ++length) {
        if (verifier().verify(good.substr(0, length), now)) {
            FAIL("accepted when cut to " << length);
        }
    }
    SUCCEED();
}

TEST_CASE("random bytes under a valid signature neither crash nor pass") {
    std::mt19937 random(1);  // NOLINT: a fixed seed, so that a failure can be repeated
    std::uniform_int_distribution<int> byte(0, 255);
    std::uniform_int_distribution<std::size_t> place(0, good_payload.size() - 1);
    std::set<std::string> accepted_dids;
    for (int i = 0; i < 20'000; ++i) {
        std::string payload = good_payload;
        payload[place(random)] = static_cast<char>(byte(random));
        payload[place(random)] = static_cast<char>(byte(random));
        const auto claims = verifier().verify(make_token(good_header, payload), now);
        if (claims && !is_did(claims->did)) FAIL("accepted " << payload);
        const auto header = verifier().verify(make_token(payload, good_payload), now);
        if (header) FAIL("accepted header " << payload);
    }
    SUCCEED();
}
