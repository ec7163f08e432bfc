#include "base/utf8.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace subcults;

TEST_CASE("text that is short enough stays as it is") {
    CHECK(clipped_utf8("", 0).empty());
    CHECK(clipped_utf8("abc", 3) == "abc");
    CHECK(clipped_utf8("a\xc3\xa9", 3) == "a\xc3\xa9");
}

TEST_CASE("text is cut before the character that does not fit whole") {
    CHECK(clipped_utf8("abcdef", 3) == "abc");
    CHECK(clipped_utf8("abc", 0).empty());
    const std::string note = "\xf0\x9f\x8e\xb5";  // four bytes
    const std::string euro = "\xe2\x82\xac";      // three
    const std::string acute = "\xc3\xa9";         // two
    for (const std::string& character : {note, euro, acute}) {
        const std::string text = "ab" + character + character;
        for (std::size_t most = 0; most < 2; ++most)
            CHECK(clipped_utf8(text, most).size() == most);
        const std::size_t whole = 2 + character.size();
        for (std::size_t most = 2; most < whole; ++most)
            CHECK(clipped_utf8(text, most) == "ab");
        for (std::size_t most = whole; most < text.size(); ++most)
            CHECK(clipped_utf8(text, most) == "ab" + character);
        CHECK(clipped_utf8(text, text.size()) == text);
    }
}

TEST_CASE("bytes that are no text are cut as well") {
    const std::string tails(100, '\x80');
    CHECK(clipped_utf8(tails, 32).size() <= 32);
    CHECK(clipped_utf8(tails, 1).empty());
}
