// Who is calling? Tokens made to be accepted by careless verifiers; all of them get 401.
#include "integration/api/hostile_table.hpp"

#include "base/crypto.hpp"

#include <ctime>

namespace subcults::test {
namespace {

const std::string good_header = R"({"alg":"HS256","typ":"JWT"})";

std::string signed_token(const std::string& header, const std::string& payload,
                         const std::string& secret) {
    const std::string text = base64url(header) + "." + base64url(payload);
    return text + "." + base64url(as_view(hmac_sha256(secret, text)));
}

}  // namespace

Table hostile_tokens(const World& world) {
    const long long now = std::time(nullptr);
    const auto at = [&](long long offset) { return std::to_string(now + offset); };
    const std::string payload = R"({"did":"did:plc:user","exp":)" + at(600) + "}";
    const std::string good = signed_token(good_header, payload, world.secret);
    const std::size_t dot = good.rfind('.');
    const auto header = [&](const std::string& text) {
        return signed_token(text, payload, world.secret);
    };
    const auto claims = [&](const std::string& text) {
        return signed_token(good_header, text, world.secret);
    };
    const auto with_exp = [&](const std::string& rest) {
        return claims("{\"exp\":" + at(600) + rest + "}");
    };
    std::string flipped = good;
    flipped[dot + 5] = flipped[dot + 5] == 'A' ? 'B' : 'A';
    std::string edited = good;
    edited[good.find('.') + 6] = edited[good.find('.') + 6] == 'A' ? 'B' : 'A';

    Table table;
    const auto add = [&](const std::string& about, const std::string& authorization) {
        const Headers headers{{"Authorization", authorization}};
        table.push_back(
            {"tokens", about, request_bytes("GET", "/streams", headers), {{401, "auth_failed"}}});
    };
    const auto token = [&](const std::string& about, const std::string& text) {
        add(about, "Bearer " + text);
    };
    // The header around the token.
    for (const char* value :
         {"", " ", "Bearer", "Bearer ", "bearer", "Basic dXNlcjpwYXNz", "Digest username=x",
          "Token abc", "Bearer a b", "Bearer\ta", "BearerX", "Bearer,", "Bearer=abc",
          "Negotiate TlRMTVNTUAAB", "Bearer null", "Bearer undefined", "\"Bearer\" x"}) {
        add(std::string("header '") + value + "'", value);
    }
    add("a token without a scheme", good);
    add("a good token twice", "Bearer " + good + " " + good);
    add("a good token and a comma", "Bearer " + good + ",");
    add("bytes that no token has", "Bearer \xff\xfe\xfd");
    // The token's form.
    for (const char* text :
         {".", "..", "...", "a.b.c", "e30.e30.", "not.a.token", "%00", "../../x", "' OR 1=1 --"}) {
        token(std::string("garbage ") + text, text);
    }
    token("no signature", good.substr(0, dot));
    token("an empty signature", good.substr(0, dot + 1));
    token("a signature cut short", good.substr(0, good.size() - 3));
    token("a padded signature", good + "=");
    token("one bit of the signature", flipped);
    token("one character of the claims", edited);
    token("a fourth part", good + ".e30");
    token("twice as long", good + good);
    token("nine kilobytes", std::string(9000, 'A'));
    // Who signed it, and how?
    token("another secret", signed_token(good_header, payload, std::string(32, 'x')));
    token("an empty secret", signed_token(good_header, payload, ""));
    token("the header as secret", signed_token(good_header, payload, good_header));
    for (const char* algorithm : {"none", "None", "NONE", "", "HS384", "HS512", "RS256", "ES256",
                                  "PS256", "EdDSA", "hs256", "HS256 "}) {
        token(std::string("algorithm '") + algorithm + "'",
              header("{\"alg\":\"" + std::string(algorithm) + "\",\"typ\":\"JWT\"}"));
    }
    token("unsigned, algorithm none",
          base64url(R"({"alg":"none"})") + "." + base64url(payload) + ".");
    token("no algorithm", header(R"({"typ":"JWT"})"));
    token("two algorithms", header(R"({"alg":"HS256","alg":"none"})"));
    token("an algorithm that is no string", header(R"({"alg":["HS256"]})"));
    token("critical extensions", header(R"({"alg":"HS256","crit":["exp"]})"));
    token("compressed claims", header(R"({"alg":"HS256","zip":"DEF"})"));
    token("another type", header(R"({"alg":"HS256","typ":"refresh"})"));
    token("a header that is no object", header("[]"));
    token("a header that is no JSON", header("{"));
    // What it claims.
    token("expired", claims(R"({"did":"did:plc:user","exp":)" + at(-31) + "}"));
    token("expired long ago", claims(R"({"did":"did:plc:user","exp":0})"));
    token("not valid yet", with_exp(R"(,"did":"did:plc:user","nbf":)" + at(300)));
    token("without an end", claims(R"({"did":"did:plc:user"})"));
    token("an end as text", claims(R"({"did":"did:plc:user","exp":"2099-01-01"})"));
    token("an end that is null", claims(R"({"did":"did:plc:user","exp":null})"));
    token("an end that is huge", claims(R"({"did":"did:plc:user","exp":1e400})"));
    token("without a DID", with_exp(""));
    token("an empty DID", with_exp(R"(,"did":"")"));
    token("a DID that is none", with_exp(R"(,"did":"admin")"));
    token("a DID with a blank", with_exp(R"(,"did":"did:plc:a b")"));
    token("a DID with NUL", with_exp(R"(,"did":"did:plc:a\u0000")"));
    token("a DID that is a number", with_exp(R"(,"did":1)"));
    token("two DIDs", with_exp(R"(,"did":"did:plc:a","did":"did:plc:b")"));
    token("a refresh token", with_exp(R"(,"did":"did:plc:a","typ":"refresh")"));
    token("claims that are no object", claims("[]"));
    token("claims that are no JSON", claims("{\"did\":"));
    token("claims with text behind", claims(payload + "{}"));
    token("claims that are not UTF-8",
          claims("{\"did\":\"did:plc:\xff\",\"exp\":" + at(600) + "}"));

    // None, on each route that needs one.
    const auto nobody = [&](const char* method, const std::string& target,
                            const std::string& body = {}) {
        table.push_back(
            {"tokens", "nobody", request_bytes(method, target, {}, body), {{401, "auth_failed"}}});
    };
    nobody("GET", "/streams");
    nobody("HEAD", "/streams");
    table.back().head = true;
    nobody("POST", "/streams", "{");
    nobody("GET", "/streams/" + world.stream);
    for (const char* action : {"/join", "/leave", "/end"})
        nobody("POST", "/streams/" + world.stream + action);
    nobody("POST", "/telemetry/client-errors", R"({"type":"other"})");
    Headers doubled = bearer(good);
    doubled.emplace_back("Authorization", "Bearer " + good);
    table.push_back({"tokens",
                     "two headers, both good",
                     request_bytes("GET", "/streams", doubled),
                     {{401, "auth_failed"}}});
    table.push_back({"tokens",
                     "in the query",
                     request_bytes("GET", "/streams?access_token=" + good, {}),
                     {{401, "auth_failed"}}});
    table.push_back({"tokens",
                     "in a cookie",
                     request_bytes("GET", "/streams", {{"Cookie", "token=" + good}}),
                     {{401, "auth_failed"}}});
    return table;
}

}  // namespace subcults::test
