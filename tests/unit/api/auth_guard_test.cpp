#include "http/auth_guard.hpp"

#include "auth/jwt.hpp"
#include "fake_request.hpp"

#include <catch2/catch.hpp>

#include <ctime>

using namespace subcults;
using namespace subcults::api;
using test::FakeRequest;

namespace {

const std::string current(32, 'c');
const std::string previous(32, 'p');

struct Fixture {
    auth::TokenVerifier verifier{{current, previous}};
    auth::TokenCache tokens{verifier};
    net::Guard guard = user_guard(tokens);

    static std::string token(const std::string& secret, const std::string& role = "user") {
        return auth::mint_access_token(secret, "did:plc:a", role, std::time(nullptr), 600);
    }
    static FakeRequest with(const std::string& authorization) {
        FakeRequest request;
        request.headers.emplace_back("Authorization", authorization);
        return request;
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "tokens of the current and the previous key are accepted, others not") {
    for (const std::string& secret : {current, previous}) {
        FakeRequest request = with("Bearer " + token(secret));
        CHECK_FALSE(guard(request).has_value());
        CHECK(request.principal.did == "did:plc:a");
    }
    FakeRequest foreign = with("Bearer " + token(std::string(32, 'x')));
    const auto refused = guard(foreign);
    REQUIRE(refused.has_value());
    CHECK(refused->status == 401);
    CHECK_FALSE(foreign.principal.authenticated());
}

TEST_CASE_METHOD(Fixture, "answers that depend on who asks are kept out of caches") {
    FakeRequest request = with("Bearer " + token(current));
    guard(request);
    CHECK(request.answer_header("Cache-Control") == "no-store");
    FakeRequest anonymous;
    REQUIRE(guard(anonymous).has_value());
    CHECK(anonymous.answer_header("Cache-Control") == "no-store");
}

TEST_CASE_METHOD(Fixture, "two Authorization headers are refused, even when one is good") {
    FakeRequest request = with("Bearer " + token(current));
    request.headers.emplace_back("Authorization", "Bearer " + token(current));
    const auto refused = guard(request);
    REQUIRE(refused.has_value());
    CHECK(refused->status == 401);
}

TEST_CASE_METHOD(Fixture, "a role lets only those pass who have it") {
    const net::Guard admins = require_role("admin");
    FakeRequest admin = with("Bearer " + token(current, "admin"));
    REQUIRE_FALSE(guard(admin).has_value());
    CHECK_FALSE(admins(admin).has_value());

    FakeRequest user = with("Bearer " + token(current, "user"));
    REQUIRE_FALSE(guard(user).has_value());
    const auto refused = admins(user);
    REQUIRE(refused.has_value());
    CHECK(refused->status == 403);
    CHECK(refused->body.find("\"forbidden\"") != std::string::npos);

    FakeRequest nobody;
    nobody.principal.role = "admin";
    CHECK(admins(nobody).has_value());
}
