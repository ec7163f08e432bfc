#include "auth/stripe_signature.hpp"

#include "base/crypto.hpp"

#include <catch2/catch.hpp>

#include <optional>
#include <string>

using namespace subcults;
using namespace subcults::auth;

namespace {

const std::string secret = "whsec_0123456789abcdef";
constexpr std::int64_t now = 1'795'345'451;
const std::string body = R"({"id":"evt_1","type":"payment_intent.succeeded"})";

std::string v1(std::int64_t time = now, const std::string& text = body,
               const std::string& key = secret) {
    const Digest256 mac = hmac_sha256(key, std::to_string(time) + "." + text);
    return hex(as_view(mac));
}

std::string header(std::int64_t time = now) {
    return "t=" + std::to_string(time) + ",v1=" + v1(time);
}

// What is wrong, "" = nothing.
std::string fault(const std::string& value, const std::string& text = body, std::int64_t at = now) {
    const StripeVerifier verifier{Secret(secret)};
    const auto result = verifier.verify(value, text, at);
    if (result.has_value()) return {};
    return std::string(to_string(result.error()));
}

const std::string time_only = "t=" + std::to_string(now);
const std::string wrong(64, 'a');

}  // namespace

TEST_CASE("a body with the MAC of its time and bytes is Stripe's") {
    // Worked out with another implementation of HMAC.
    const std::string value =
        "t=1492774577,v1="
        "0d0602f6611bd2252dd4b74b58a4528355a7380639a15e6cc21e3059d56d5b8b";
    const StripeVerifier verifier{Secret("whsec_test")};
    CHECK(verifier.verify(value, "{}", 1'492'774'577).has_value());
    CHECK(fault(header()).empty());
}

TEST_CASE("while a secret is rolled, one fitting signature among several is enough") {
    const std::string old = v1(now, body, "whsec_old");
    CHECK(fault(time_only + ",v1=" + old + ",v1=" + v1()).empty());
    CHECK(fault(time_only + ",v1=" + v1() + ",v1=" + old).empty());
    CHECK(fault(time_only + ",v1=,v1=zz,v1=" + v1()).empty());
    CHECK(fault(time_only + ",v1=" + old + ",v1=" + wrong) == "bad_signature");
}

TEST_CASE("the order of the parts, blanks and unknown schemes do not matter") {
    CHECK(fault("v0=" + wrong + ",v1=" + v1() + "," + time_only).empty());
    CHECK(fault(time_only + ", v1=" + v1() + ", v2=anything").empty());
    CHECK(fault(time_only + ",v0=" + v1()) == "malformed");
}

TEST_CASE("another body, time or secret does not fit") {
    CHECK(fault(header(), body + " ") == "bad_signature");
    CHECK(fault(header(), "") == "bad_signature");
    CHECK(fault("t=" + std::to_string(now + 1) + ",v1=" + v1()) == "bad_signature");
    CHECK(fault(time_only + ",v1=" + v1(now, body, "another")) == "bad_signature");
    CHECK(fault(time_only + ",v1=" + v1().substr(0, 62)) == "bad_signature");
    // The same number written otherwise was not what was signed.
    CHECK(fault("t=0" + std::to_string(now) + ",v1=" + v1()) == "bad_signature");
}

TEST_CASE("a signature counts for five minutes before and after its time") {
    CHECK(fault(header(), body, now + 300).empty());
    CHECK(fault(header(), body, now + 301) == "stale");
    CHECK(fault(header(), body, now - 300).empty());
    CHECK(fault(header(), body, now - 301) == "ahead");
    // What does not fit is told nothing about clocks.
    CHECK(fault(time_only + ",v1=" + wrong, body, now + 9999) == "bad_signature");
}

TEST_CASE("headers that cannot be read are refused") {
    for (const std::string& bad :
         {std::string(), std::string(","), std::string("t"), time_only, "v1=" + v1(),
          "t=,v1=" + v1(), "t=-5,v1=" + v1(), "t=12x,v1=" + v1(), "t=1,t=2,v1=" + v1(),
          "t=9999999999999,v1=" + v1(), header() + ",x", header() + std::string(4096, ' ')}) {
        INFO(bad.substr(0, 80));
        CHECK(fault(bad) == "malformed");
    }
    std::string many = time_only;
    for (int i = 0; i < 16; ++i)
        many += ",v1=" + wrong;
    CHECK(fault(many) == "bad_signature");
    CHECK(fault(many + ",v1=" + v1()) == "malformed");
}

TEST_CASE("a verifier without a secret cannot be made") {
    CHECK_THROWS_AS(StripeVerifier(Secret()), std::invalid_argument);
}
