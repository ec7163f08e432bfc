#include "net/query.hpp"

#include <catch2/catch.hpp>

using namespace subcults::net;
using namespace std::string_literals;

TEST_CASE("a query gives its parameters decoded and in the order sent") {
    QueryParams params;
    REQUIRE(parse_query("status=active&name=a+b%20c&flag&empty=&status=ended&&x=%C3%A9", params));
    const QueryParams expected{{"status", "active"}, {"name", "a b c"},   {"flag", ""},
                               {"empty", ""},        {"status", "ended"}, {"x", "\xC3\xA9"}};
    CHECK(params == expected);
}

TEST_CASE("a query that does not decode is refused") {
    QueryParams params;
    for (const char* text : {"a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "%c3=1", "a=%ed%a0%80",
                             "a=%c0%80", "a=%f4%90%80%80"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_query(text, params));
    }
}

TEST_CASE("a query with more parameters than allowed is refused") {
    QueryParams params;
    CHECK(parse_query("a&b&c", params, 3));
    CHECK_FALSE(parse_query("a&b&c&d", params, 3));
}

TEST_CASE("only well-formed UTF-8 without NUL is clean") {
    CHECK(is_clean_utf8(""));
    CHECK(is_clean_utf8("plain \x7f"));
    CHECK(is_clean_utf8("\xE2\x82\xAC \xF0\x9F\x8E\xB6 \xF4\x8F\xBF\xBF \xEE\x80\x80"));
    for (const std::string& text :
         {"\0"s, "\x80"s, "\xC1\x81"s, "\xC3"s, "\xE0\x9F\x80"s, "\xED\xA0\x80"s, "\xE2\x82"s,
          "\xF0\x8F\x80\x80"s, "\xF5\x80\x80\x80"s, "\xF4\x90\x80\x80"s, "\xFF"s,
          "a\xE2\x28\xA1"s}) {
        CHECK_FALSE(is_clean_utf8(text));
    }
}

TEST_CASE("plus is a blank in a query and a plus in a path") {
    std::string text;
    REQUIRE(percent_decode("a+b", PlusIs::space, text));
    CHECK(text == "a b");
    text.clear();
    REQUIRE(percent_decode("a+b%2B", PlusIs::plus, text));
    CHECK(text == "a+b+");
}

TEST_CASE("targets split into path and query") {
    struct Case {
        const char* target;
        const char* path;
        const char* query;
    };
    for (const Case& c :
         {Case{"/", "/", ""}, Case{"/a/b?x=1?y", "/a/b", "x=1?y"}, Case{"/a?", "/a", ""},
          Case{"http://host:80/a?b", "/a", "b"}, Case{"HTTPS://host", "/", ""},
          Case{"http://host?q=1", "/", "q=1"}, Case{"*", "*", ""}, Case{"//x", "//x", ""}}) {
        CAPTURE(c.target);
        const auto target = split_target(c.target);
        REQUIRE(target);
        CHECK(target->path == c.path);
        CHECK(target->query == c.query);
    }
    for (const char* text :
         {"", "a", "?x", "http://", "http:///a", "ftp://host/", "/a#b", "*x", "host:443"}) {
        CAPTURE(text);
        CHECK_FALSE(split_target(text));
    }
}
