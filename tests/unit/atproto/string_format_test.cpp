#include "atproto/string_format.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace subcults::atproto;

namespace {

void check(const char* format, const std::vector<std::string>& good,
           const std::vector<std::string>& bad) {
    const StringFormat* const found = find_string_format(format);
    REQUIRE(found != nullptr);
    INFO(format);
    for (const std::string& text : good) {
        INFO(text);
        CHECK(found->matches(text));
    }
    for (const std::string& text : bad) {
        INFO(text);
        CHECK_FALSE(found->matches(text));
    }
    CHECK_FALSE(found->matches(""));
    CHECK_FALSE(found->matches(std::string(100'000, 'a')));
    CHECK_FALSE(found->matches(std::string("a\0b", 3)));
}

}  // namespace

TEST_CASE("A datetime has seconds, a time zone and capital letters, and exists") {
    check("datetime",
          {"2026-01-29T02:30:00Z", "2026-01-29T02:30:00.1Z", "2026-01-29T02:30:00.123456789012Z",
           "2026-01-29T02:30:00+00:00", "2026-01-29T02:30:00-07:00", "2026-01-29T02:30:00.5+01:45",
           "2024-02-29T00:00:00Z", "0123-01-01T00:00:00.000Z", "9999-12-31T23:59:59Z"},
          {"2026-01-29T02:30:00z",
           "2026-01-29t02:30:00Z",
           "2026-01-29 02:30:00Z",
           "2026-01-29T02:30:00",
           "2026-01-29T02:30:00.123",
           "2026-01-29",
           "2026-01-29T02:30Z",
           "2026-01-29T02:30:00.Z",
           "2026-01-29T02:30:00-00:00",
           "2026-01-29T02:30:00+0100",
           "2026-01-29T02:30:00+01",
           "2026-01-29T02:30:00+",
           "2026-1-29T02:30:00Z",
           "02026-01-29T02:30:00Z",
           "+002026-01-29T02:30:00Z",
           "-000001-12-31T23:00:00Z",
           " 2026-01-29T02:30:00Z",
           "2026-01-29T02:30:00Z ",
           "2026-00-29T02:30:00Z",
           "2026-13-29T02:30:00Z",
           "2026-01-32T02:30:00Z",
           "2025-02-29T02:30:00Z",
           "2026-01-29T24:30:00Z",
           "2026-01-29T02:60:00Z",
           "2026-01-29T02:30:61Z",
           "2026-01-29T02:30:60Z",
           "2026-01-29T02:30:00+24:00",
           "0000-01-01T00:00:00Z",
           "0001-01-01T00:00:00+01:00",
           "2026-01-29T02:30:00." + std::string(60, '1') + "Z",
           "yesterday"});
}

TEST_CASE("A language tag is well-formed by BCP 47") {
    check("language",
          {"de",
           "ban",
           "JA",
           "pt-BR",
           "zh-Hant",
           "zh-Hant-TW",
           "hy-Latn-IT-arevela",
           "es-419",
           "de-CH-1901",
           "sl-rozaj-biske",
           "zh-yue-HK",
           "en-u-co-phonebk-t-en-US",
           "en-GB-boont-r-extended-sequence-x-private",
           "qaa-Qaaa-QM-x-southern",
           "X-fr-CH",
           "de-X-foo",
           "x-a-b-c",
           "i-default",
           "i-navajo",
           "I-Klingon",
           "en-GB-oed",
           "sgn-BE-NL",
           "zh-hakka",
           "zh-min-nan"},
          {".",        "j",         "123",       "ja-",          "-ja",
           "ja--JP",   "a-DE",      "de-419-DE", "de-",          "de_DE",
           "de DE",    "i-nothing", "x",         "x-",           "de-x",
           "de-u",     "de-u-x-a",  "abcdefghi", "de-abcdefghi", "de-x-abcdefghi",
           "d\xc3\xa9"});
}

TEST_CASE("A URI has a scheme and something behind it without blanks") {
    check("uri",
          {"https://example.com", "https://example.com/path?q=blah&yes=true#frag.123",
           "dns:example.com", "at://did:plc:abc/tv.subcult.scene/1", "did:key:zQ3shZc2QzApp2oymG",
           "content-type:text/plain", "microsoft.windows.camera:thing", "go://?Mercedes%20Benz",
           "https://example.com/caf\xc3\xa9", "HTTPS://EXAMPLE.COM",
           "https://example.com/" + std::string(8'172, 'x')},
          {"example.com", "://example.com", "//example.com", "http:", ".http://example.com",
           "-http://example.com", "1http://example.com", "12345", "127.0.0.1",
           "https://example.com/path gap", " https://example.com", "https://example.com ",
           "https://example.com/\n", "https://example.com/\x7f",
           "https://example.com/" + std::string(8'173, 'x'), std::string(81, 'a') + ":b"});
}

TEST_CASE("Identifiers in records keep the syntax of the protocol") {
    const std::string did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
    check("did", {did, "did:web:example.com"},
          {"did:plc", "plc:abc", "did:plc:abc:", "DID:plc:abc"});
    check("handle", {"anna.example.com", "XN--ls8h.test"},
          {"anna", "anna.", "-anna.example.com", did, "anna_b.example.com"});
    check("at-identifier", {did, "anna.example.com"}, {"anna", "did:plc", "@anna.example.com"});
    check("at-uri",
          {"at://" + did + "/tv.subcult.scene/3kabc", "at://did:web:a.b/app.subcult.post/~1"},
          {"at://" + did, "at://" + did + "/tv.subcult.scene", "https://example.com",
           "at://anna.example.com/tv.subcult.scene/3kabc", "at://" + did + "/tv.subcult.scene/a/b",
           "at://" + did + "/tv.subcult.scene/", "at://" + did + "/scene/3kabc",
           "at://" + did + "/tv.subcult.scene/3kabc#x"});
    check("nsid", {"tv.subcult.scene", "a.b.cD"},
          {"tv.subcult", "tv.subcult.*", "tv..scene", "tv.subcult.1"});
    check("tid", {"3jzfcijpj2z2a"}, {"3jzfcijpj2z2", "3jzfcijpj2z2A", "zzzzzzzzzzzzz"});
    check("record-key", {"3jzfcijpj2z2a", "self", "a:b~c"}, {".", "..", "a/b", "a b"});
    check("cid", {"bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i"},
          {"bafyrei", "zdj7WhuEjrB52m1BisYCtmjH1hSKa7yZ3jEZ9JcXaFRD51wVz"});
}

TEST_CASE("A format that nobody has written a check for is not found") {
    CHECK(find_string_format("email") == nullptr);
    CHECK(find_string_format("") == nullptr);
    CHECK(find_string_format("DID") == nullptr);
}
