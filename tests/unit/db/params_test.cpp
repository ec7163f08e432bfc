#include "db/params.hpp"
#include "base/crypto.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <limits>

namespace subcults::db {

namespace {

// The bytes of the only parameter, in hex.
std::string encoded(const Params& params) {
    REQUIRE(params.size() == 1);
    const char* data = params.pointers().front();
    REQUIRE(data != nullptr);
    return hex({data, static_cast<std::size_t>(params.lengths().front())});
}

Uuid some_uuid() {
    return *Uuid::parse("00112233-4455-6677-8899-aabbccddeeff");
}

}  // namespace

TEST_CASE("scalars are encoded as PostgreSQL's binary format has them") {
    CHECK(encoded(Params().boolean(true)) == "01");
    CHECK(encoded(Params().boolean(false)) == "00");
    CHECK(encoded(Params().int4(-2)) == "fffffffe");
    CHECK(encoded(Params().int4(0x01020304)) == "01020304");
    CHECK(encoded(Params().int8(std::numeric_limits<std::int64_t>::min())) == "8000000000000000");
    CHECK(encoded(Params().int8(0x0102030405060708)) == "0102030405060708");
    CHECK(encoded(Params().float8(1.5)) == "3ff8000000000000");
    CHECK(encoded(Params().float8(-std::numeric_limits<double>::infinity())) == "fff0000000000000");
    CHECK(encoded(Params().text("hé")) == "68c3a9");
    CHECK(encoded(Params().bytea(std::string_view("\0\xff\\", 3))) == "00ff5c");
    CHECK(encoded(Params().uuid(some_uuid())) == "00112233445566778899aabbccddeeff");
    CHECK(encoded(Params().jsonb("{}")) == "017b7d");
}

TEST_CASE("times are counted in microseconds from the year 2000") {
    CHECK(encoded(Params().timestamptz(UnixMicros{946'684'800'000'000})) == "0000000000000000");
    CHECK(encoded(Params().timestamptz(UnixMicros{946'684'800'000'001})) == "0000000000000001");
    CHECK(encoded(Params().timestamptz(UnixMicros{0})) == "fffca2fec4c82000");
}

TEST_CASE("times beyond what the server can hold become infinities") {
    const auto lowest = std::numeric_limits<std::int64_t>::min();
    const auto highest = std::numeric_limits<std::int64_t>::max();
    CHECK(encoded(Params().timestamptz(UnixMicros{lowest})) == "8000000000000000");
    CHECK(encoded(Params().timestamptz(UnixMicros{lowest + 1})) == "8000000000000000");
    CHECK(encoded(Params().timestamptz(UnixMicros{highest})) == "7fffffffffffffff");
}

TEST_CASE("an empty text is a value and NULL is none") {
    Params params;
    params.text("").null().bytea("");
    REQUIRE(params.size() == 3);
    const auto pointers = params.pointers();
    CHECK(pointers[0] != nullptr);
    CHECK(pointers[1] == nullptr);
    CHECK(pointers[2] != nullptr);
    CHECK(params.lengths() == std::vector<int>{0, 0, 0});
    CHECK(params.formats() == std::vector<int>{1, 1, 1});
    CHECK(params.bytes() == 0);
}

TEST_CASE("parameters lie one after another and keep their order") {
    Params params;
    params.int4(1).text("abc").null().int8(2);
    const auto pointers = params.pointers();
    const auto lengths = params.lengths();
    CHECK(lengths == std::vector<int>{4, 3, 0, 8});
    CHECK(std::string_view(pointers[1], 3) == "abc");
    CHECK(hex({pointers[3], 8}) == "0000000000000002");
    CHECK(params.bytes() == 15);
}

TEST_CASE("an empty array has no dimension") {
    CHECK(encoded(Params().int8_array({})) ==
          "00000000"
          "00000000"
          "00000014");
    CHECK(encoded(Params().text_array(std::span<const std::string_view>())) ==
          "00000000"
          "00000000"
          "00000019");
    CHECK(encoded(Params().uuid_array(std::span<const Uuid>())) ==
          "00000000"
          "00000000"
          "00000b86");
}

TEST_CASE("an array has its element type, its size and each element with its length") {
    const std::array<bool, 2> booleans{true, false};
    CHECK(encoded(Params().boolean_array(booleans)) ==
          "00000001"
          "00000000"
          "00000010"
          "00000002"
          "00000001"
          "00000001"
          "01"
          "00000001"
          "00");
    const std::array<std::int32_t, 1> int4s{-1};
    CHECK(encoded(Params().int4_array(int4s)) ==
          "00000001"
          "00000000"
          "00000017"
          "00000001"
          "00000001"
          "00000004"
          "ffffffff");
    const std::array<std::int64_t, 2> int8s{1, 2};
    CHECK(encoded(Params().int8_array(int8s)) ==
          "00000001"
          "00000000"
          "00000014"
          "00000002"
          "00000001"
          "00000008"
          "0000000000000001"
          "00000008"
          "0000000000000002");
    const std::array<std::string_view, 2> texts{"", "a\"\\{},"};
    CHECK(encoded(Params().text_array(texts)) ==
          "00000001"
          "00000000"
          "00000019"
          "00000002"
          "00000001"
          "00000000"
          "00000006"
          "61225c7b7d2c");
    const std::array<std::string_view, 1> bytes{std::string_view("\0", 1)};
    CHECK(encoded(Params().bytea_array(bytes)) ==
          "00000001"
          "00000000"
          "00000011"
          "00000001"
          "00000001"
          "00000001"
          "00");
    const std::array<Uuid, 1> uuids{some_uuid()};
    CHECK(encoded(Params().uuid_array(uuids)) ==
          "00000001"
          "00000000"
          "00000b86"
          "00000001"
          "00000001"
          "00000010"
          "00112233445566778899aabbccddeeff");
    const std::array<UnixMicros, 1> times{UnixMicros{946'684'800'000'002}};
    CHECK(encoded(Params().timestamptz_array(times)) ==
          "00000001"
          "00000000"
          "000004a0"
          "00000001"
          "00000001"
          "00000008"
          "0000000000000002");
}

TEST_CASE("an array with NULL elements says so in its header") {
    const std::array<std::optional<double>, 2> doubles{std::nullopt, 1.5};
    CHECK(encoded(Params().float8_array(doubles)) ==
          "00000001"
          "00000001"
          "000002bd"
          "00000002"
          "00000001"
          "ffffffff"
          "00000008"
          "3ff8000000000000");
    const std::array<std::optional<std::string_view>, 2> texts{"x", std::nullopt};
    CHECK(encoded(Params().text_array(texts)) ==
          "00000001"
          "00000001"
          "00000019"
          "00000002"
          "00000001"
          "00000001"
          "78"
          "ffffffff");
    CHECK(encoded(Params().bytea_array(texts)) ==
          "00000001"
          "00000001"
          "00000011"
          "00000002"
          "00000001"
          "00000001"
          "78"
          "ffffffff");
    CHECK(encoded(Params().jsonb_array(texts)) ==
          "00000001"
          "00000001"
          "00000eda"
          "00000002"
          "00000001"
          "00000002"
          "0178"
          "ffffffff");
    const std::array<std::optional<Uuid>, 1> uuids{std::nullopt};
    CHECK(encoded(Params().uuid_array(uuids)) ==
          "00000001"
          "00000001"
          "00000b86"
          "00000001"
          "00000001"
          "ffffffff");
    const std::array<std::optional<UnixMicros>, 1> times{std::nullopt};
    CHECK(encoded(Params().timestamptz_array(times)) ==
          "00000001"
          "00000001"
          "000004a0"
          "00000001"
          "00000001"
          "ffffffff");
}

TEST_CASE("optional elements that are all present are encoded like plain ones") {
    const std::array<std::optional<std::string_view>, 1> optional{"x"};
    const std::array<std::string_view, 1> plain{"x"};
    CHECK(encoded(Params().text_array(optional)) == encoded(Params().text_array(plain)));
}

}  // namespace subcults::db
