#include "db/rows.hpp"

#include "db/params.hpp"

#include <libpq-fe.h>
#include <catch2/catch.hpp>

#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace subcults::db {

namespace {

// One row whose columns are the given parameters: what the server would send back for them.
Rows echo(const Params& params) {
    auto* result = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
    std::string column = "c";
    std::vector<PGresAttDesc> columns(static_cast<std::size_t>(params.size()));
    for (auto& description : columns) {
        description = PGresAttDesc{};
        description.name = column.data();
        description.format = 1;
    }
    REQUIRE(PQsetResultAttrs(result, params.size(), columns.data()) != 0);
    const auto pointers = params.pointers();
    const auto lengths = params.lengths();
    for (int i = 0; i < params.size(); ++i) {
        const auto at = static_cast<std::size_t>(i);
        std::string value(pointers[at] == nullptr ? "" : pointers[at],
                          static_cast<std::size_t>(lengths[at]));
        const int length = pointers[at] == nullptr ? -1 : lengths[at];
        REQUIRE(PQsetvalue(result, 0, i, value.data(), length) != 0);
    }
    return Rows(result);
}

}  // namespace

TEST_CASE("no result is an empty one") {
    const Rows rows;
    CHECK(rows.empty());
    CHECK(rows.command().empty());
    CHECK(rows.affected() == 0);
    CHECK_THROWS_AS(rows.is_null(0, 0), std::logic_error);
}

TEST_CASE("values are read as they were written") {
    const auto id = *Uuid::parse("00112233-4455-6677-8899-aabbccddeeff");
    Params params;
    params.boolean(true).int4(-7).int8(std::numeric_limits<std::int64_t>::min()).float8(-0.25);
    params.text("é").bytea(std::string_view("\0\xff", 2)).uuid(id).timestamptz(UnixMicros{-1});
    params.jsonb("[1]").null();
    const auto rows = echo(params);
    REQUIRE(rows.size() == 1);
    CHECK(rows.boolean(0, 0));
    CHECK(rows.int4(0, 1) == -7);
    CHECK(rows.int8(0, 2) == std::numeric_limits<std::int64_t>::min());
    CHECK(rows.float8(0, 3) == -0.25);
    CHECK(rows.text(0, 4) == "é");
    CHECK(rows.bytea(0, 5) == std::string_view("\0\xff", 2));
    CHECK(rows.uuid(0, 6) == id);
    CHECK(rows.timestamptz(0, 7) == UnixMicros{-1});
    CHECK(rows.jsonb(0, 8) == "[1]");
    CHECK(rows.is_null(0, 9));
    CHECK_FALSE(rows.is_null(0, 8));
}

TEST_CASE("infinite times are the extreme values") {
    const auto highest = UnixMicros{std::numeric_limits<std::int64_t>::max()};
    const auto lowest = UnixMicros{std::numeric_limits<std::int64_t>::min()};
    Params params;
    params.timestamptz(highest).timestamptz(lowest);
    // The last representable moment of the server's own count lies beyond ours.
    params.int8(std::numeric_limits<std::int64_t>::max() - 1);
    const auto rows = echo(params);
    CHECK(rows.timestamptz(0, 0) == highest);
    CHECK(rows.timestamptz(0, 1) == lowest);
    CHECK(rows.timestamptz(0, 2) == highest);
}

TEST_CASE("reading a value as another type is a mistake that shows") {
    Params params;
    params.int8(1).text("").null().text("{}");
    const auto rows = echo(params);
    CHECK_THROWS_AS(rows.int4(0, 0), std::logic_error);
    CHECK_THROWS_AS(rows.uuid(0, 0), std::logic_error);
    CHECK_THROWS_AS(rows.boolean(0, 1), std::logic_error);
    CHECK_THROWS_AS(rows.jsonb(0, 1), std::logic_error);
    CHECK_THROWS_AS(rows.int8(0, 2), std::logic_error);
    CHECK_THROWS_AS(rows.text(0, 2), std::logic_error);
    CHECK_THROWS_AS(rows.jsonb(0, 3), std::logic_error);
}

TEST_CASE("rows and columns that do not exist are a mistake that shows") {
    const auto rows = echo(Params().int4(1));
    CHECK_THROWS_AS(rows.int4(1, 0), std::logic_error);
    CHECK_THROWS_AS(rows.int4(0, 1), std::logic_error);
    CHECK_THROWS_AS(rows.int4(-1, 0), std::logic_error);
    CHECK_THROWS_AS(rows.int4(0, -1), std::logic_error);
}

}  // namespace subcults::db
