#include "atproto/tid.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace subcults::atproto;

TEST_CASE("A TID is thirteen base32-sortable digits that leave the top bit free") {
    for (const char* text : {"3jzfcijpj2z2a", "7777777777777", "3zzzzzzzzzzzz", "2222222222222",
                             "jzzzzzzzzzzzz", "3mptbypluud2a"}) {
        INFO(text);
        CHECK(is_valid_tid(text));
    }
    for (const char* text : {"", "3jzfcijpj2z2", "3jzfcijpj2z2aa", "3JZFCIJPJ2Z2A", "0000000000000",
                             "3jzfcijpj2z21", "kjzfcijpj2z2a", "zzzzzzzzzzzzz", "3jzf-cij-pj2z-2a",
                             "3jzfcijpj2z2 ", "3jzfcijpj2z2\xc3"}) {
        INFO(text);
        CHECK_FALSE(is_valid_tid(text));
        CHECK_FALSE(decode_tid(text).has_value());
    }
}

TEST_CASE("A TID decodes to the microseconds and clock that it was made from") {
    const std::vector<Tid> tids{{0, 0},
                                {1, 1},
                                {1'783'175'888'085'434, 7},
                                {1'700'000'000'000'000, 1023},
                                {(std::int64_t{1} << 53) - 1, 1023}};
    for (const Tid& tid : tids) {
        const TidText text(tid);
        INFO(text.view());
        REQUIRE(is_valid_tid(text));
        const auto decoded = decode_tid(text);
        REQUIRE(decoded.has_value());
        CHECK(decoded->micros == tid.micros);
        CHECK(decoded->clock_id == tid.clock_id);
    }
}

TEST_CASE("A known revision decodes to the second in which it was written") {
    // Its event was stamped 2026-07-04T14:38:08Z by the server.
    const auto tid = decode_tid("3mptbypluud2a");
    REQUIRE(tid.has_value());
    CHECK(tid->micros / 1'000'000 >= 1'783'175'880);
    CHECK(tid->micros / 1'000'000 <= 1'783'175'889);
}

TEST_CASE("Later TIDs sort behind earlier ones as text") {
    std::string previous;
    for (std::int64_t micros = 1'783'175'888'085'434; micros < 1'783'175'888'085'434 + 5'000;
         micros += 7) {
        const std::string text(TidText({micros, 3}).view());
        REQUIRE(previous < text);
        previous = text;
    }
    CHECK(std::string(TidText({5, 1}).view()) < std::string(TidText({5, 2}).view()));
}
