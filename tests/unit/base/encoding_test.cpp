#include "base/crypto.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace std::string_literals;

TEST_CASE("hex is printed in lower case and read in either case") {
    CHECK(subcults::hex("\x00\xff\x1a"s) == "00ff1a");
    CHECK(subcults::from_hex("00fF1A") == "\x00\xff\x1a"s);
    CHECK(subcults::from_hex("") == ""s);
    for (const char* bad : {"0", "0g", "0x", " 00", "00 ", "\xc3\xa9"}) {
        INFO(bad);
        CHECK_FALSE(subcults::from_hex(bad));
    }
}

TEST_CASE("base32 follows RFC 4648 in lower case without padding") {
    const std::vector<std::pair<std::string, std::string>> vectors{
        {"", ""},
        {"f", "my"},
        {"fo", "mzxq"},
        {"foo", "mzxw6"},
        {"foob", "mzxw6yq"},
        {"fooba", "mzxw6ytb"},
        {"foobar", "mzxw6ytboi"},
    };
    for (const auto& [data, text] : vectors) {
        CHECK(subcults::base32(data) == text);
    }
}

TEST_CASE("base64 follows RFC 4648, padded or not") {
    const std::vector<std::pair<std::string, std::string>> vectors{
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [data, padded] : vectors) {
        INFO(padded);
        const std::string bare = padded.substr(0, padded.find('='));
        CHECK(subcults::from_base64(padded) == data);
        CHECK(subcults::from_base64(bare) == data);
        CHECK(subcults::base64url(data) == bare);
        CHECK(subcults::from_base64url(bare) == data);
    }
    CHECK(subcults::base64url("\xfb\xff\xfe"s) == "-__-");
    CHECK(subcults::from_base64url("-__-") == "\xfb\xff\xfe"s);
    CHECK(subcults::from_base64("+//+") == "\xfb\xff\xfe"s);
}

TEST_CASE("each byte string has one base64 spelling and the others are refused") {
    for (const char* bad :
         {"Z", "Zg=", "Zg===", "=", "==", "====", "Zm9v=", "Zm9v==", "Zm9v====", "Zh==", "Zm9=",
          "Z g=", "Zg==\n", "Zm9vZg==Zm9v", "-__-", "Zm\xc3\xa9"}) {
        INFO(bad);
        CHECK_FALSE(subcults::from_base64(bad));
    }
    for (const char* bad : {"Z", "Zg==", "Zh", "Zm9", "+//+", "Zm9v ", " Zm9v", "Zm.v", "Zm9vZ"}) {
        INFO(bad);
        CHECK_FALSE(subcults::from_base64url(bad));
    }
    CHECK_FALSE(subcults::from_base64url("Zm9v\0"s));
}

TEST_CASE("all lengths of binary data survive every encoding") {
    std::string data;
    for (int length = 0; length < 300; ++length) {
        CHECK(subcults::from_hex(subcults::hex(data)) == data);
        CHECK(subcults::from_base64url(subcults::base64url(data)) == data);
        data.push_back(static_cast<char>(length * 151 + 7));
    }
}
