#include "auth/auth_header.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace subcults::auth;
using namespace std::string_literals;
using subcults::Secret;
using Verdict = InternalToken::Verdict;

TEST_CASE("a bearer token is taken from behind its scheme") {
    for (const char* header : {"Bearer abc.def-_~+/=", "bearer abc.def-_~+/=",
                               "BEARER abc.def-_~+/=", "bEaReR   abc.def-_~+/="}) {
        INFO(header);
        const auto token = bearer_token(header);
        REQUIRE(token.has_value());
        CHECK(*token == "abc.def-_~+/=");
    }
}

TEST_CASE("anything but one bearer token is refused") {
    const std::vector<std::pair<std::string, std::string>> table{
        {"", "empty"},
        {"  \t", "empty"},
        {"Basic dXNlcjpwYXNz", "wrong_scheme"},
        {"abc", "wrong_scheme"},
        {"Bearerabc", "wrong_scheme"},
        {"Bearer:abc", "wrong_scheme"},
        {" Bearer abc", "wrong_scheme"},
        {"Bearer\tabc", "wrong_scheme"},
        {"\0"s
         "Bearer abc",
         "wrong_scheme"},
        {"Bearer", "malformed"},
        {"Bearer ", "malformed"},
        {"Bearer    ", "malformed"},
        {"Bearer abc def", "malformed"},
        {"Bearer abc ", "malformed"},
        {"Bearer abc\t", "malformed"},
        {"Bearer abc\r\n", "malformed"},
        {"Bearer a\0b"s, "malformed"},
        {"Bearer a\x7f", "malformed"},
        {"Bearer abc, Bearer def", "malformed"},
    };
    for (const auto& [header, expected] : table) {
        INFO(header);
        const auto token = bearer_token(header);
        REQUIRE_FALSE(token.has_value());
        CHECK(to_string(token.error()) == expected);
    }
}

TEST_CASE("without an expected token the door is open") {
    const InternalToken guard(Secret(), true);
    CHECK(guard.open());
    CHECK(guard.check({}, {}) == Verdict::allowed);
    CHECK(guard.check("Basic x", "y") == Verdict::allowed);
}

TEST_CASE("either header lets the right token in") {
    const InternalToken guard(Secret("s3cret!"), true);
    CHECK_FALSE(guard.open());
    CHECK(guard.check("Bearer s3cret!", {}) == Verdict::allowed);
    CHECK(guard.check({}, "s3cret!") == Verdict::allowed);
    CHECK(guard.check("Bearer wrong", "s3cret!") == Verdict::allowed);
    CHECK(guard.check("Bearer s3cret!", "wrong") == Verdict::allowed);
    CHECK(guard.check("Basic x", "s3cret!") == Verdict::allowed);
}

TEST_CASE("no credentials are missing, unusable ones are wrong") {
    const InternalToken guard(Secret("s3cret!"), true);
    CHECK(guard.check({}, {}) == Verdict::missing);
    for (const char* header : {"", "Bearer", "Bearer ", "Basic s3cret!", "s3cret!", "Bearer s3cret",
                               "Bearer s3cret!!", "Bearer S3CRET!", "Bearer s3cret! "}) {
        INFO(header);
        CHECK(guard.check(header, {}) == Verdict::wrong);
    }
    for (const char* header : {"", "wrong", "s3cret", "s3cret!!", "Bearer s3cret!"}) {
        INFO(header);
        CHECK(guard.check({}, header) == Verdict::wrong);
    }
    CHECK(guard.check({}, std::string_view("s3cret!\0", 8)) == Verdict::wrong);
    CHECK(guard.check("Bearer wrong", "wrong") == Verdict::wrong);
}

TEST_CASE("X-Internal-Token counts only where it is accepted") {
    const InternalToken guard(Secret("s3cret!"), false);
    CHECK(guard.check({}, "s3cret!") == Verdict::missing);
    CHECK(guard.check("Bearer wrong", "s3cret!") == Verdict::wrong);
    CHECK(guard.check("Bearer s3cret!", {}) == Verdict::allowed);
}
