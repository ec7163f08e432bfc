#include "atproto/graphemes.hpp"

#include <catch2/catch.hpp>

#include <string>

using subcults::atproto::count_graphemes;

namespace {

std::size_t count(std::string_view text) {
    return count_graphemes(text, 1'000);
}

}  // namespace

TEST_CASE("A grapheme is what a reader sees as one character") {
    CHECK(count("") == 0);
    CHECK(count("abc") == 3);
    CHECK(count("\xc3\xa4") == 1);                   // ä, composed
    CHECK(count("a\xcc\x88") == 1);                  // a and a combining diaeresis
    CHECK(count("a\xcc\x88\xcc\xa3\xcc\xb1") == 1);  // with three marks
    CHECK(count("\r\n") == 1);
    CHECK(count("\n\n") == 2);
    CHECK(count("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab") == 1);  // a Hangul syllable in three jamo
}

TEST_CASE("Families, flags and skin tones are one grapheme each") {
    const std::string joiner = "\xe2\x80\x8d";
    const std::string man = "\xf0\x9f\x91\xa8";
    const std::string woman = "\xf0\x9f\x91\xa9";
    const std::string girl = "\xf0\x9f\x91\xa7";
    const std::string family = man + joiner + woman + joiner + girl + joiner + girl;
    CHECK(family.size() == 25);
    CHECK(count(family) == 1);
    CHECK(count(family + family) == 2);
    CHECK(count(man + woman) == 2);

    const std::string german = "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa";
    const std::string polish = "\xf0\x9f\x87\xb5\xf0\x9f\x87\xb1";
    CHECK(count(german) == 1);
    CHECK(count(german + polish) == 2);
    CHECK(count("\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd") == 1);  // a thumb of medium skin tone
    CHECK(count("\xe2\x9d\xa4\xef\xb8\x8f") == 1);          // a heart asked to be an emoji
}

TEST_CASE("Counting stops at what is enough") {
    CHECK(count_graphemes("abcdef", 3) == 3);
    CHECK(count_graphemes("ab", 3) == 2);
    CHECK(count_graphemes("ab", 0) == 0);
}

TEST_CASE("Bytes that are no UTF-8 count one each and end nothing early") {
    CHECK(count("a\xff"
                "b") == 3);
    CHECK(count("\xf0\x9f") == 2);
    CHECK(count("\xff\xcc\x88") == 2);
}
