#include "schema/schema.hpp"
#include "support/catch_result.hpp"

#include <catch2/catch.hpp>

#include <vector>

namespace subcults::schema {

namespace {

Migration known(int number, std::string_view checksum, int compatible_from = 1) {
    Migration migration;
    migration.number = number;
    migration.compatible_from = compatible_from;
    migration.name = "name";
    migration.checksum = checksum;
    return migration;
}

Applied applied(int number, std::string checksum, int compatible_from = 1) {
    Applied migration;
    migration.number = number;
    migration.compatible_from = compatible_from;
    migration.name = "name";
    migration.checksum = std::move(checksum);
    return migration;
}

bool mentions(const Result<std::span<const Migration>, std::string>& result,
              std::string_view text) {
    return result.has_error() && result.error().find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("a binary judges a database by what it knows") {
    CHECK(judge(3, 3, 1) == Compatibility::current);
    CHECK(judge(3, 2, 1) == Compatibility::behind);
    CHECK(judge(3, 0, 0) == Compatibility::behind);
    CHECK(judge(0, 0, 0) == Compatibility::current);
    // Ahead of the binary, but still fit for it; then not any more.
    CHECK(judge(3, 5, 3) == Compatibility::current);
    CHECK(judge(3, 5, 4) == Compatibility::incompatible);
}

TEST_CASE("what is pending follows what is applied") {
    const std::vector<Migration> all{known(1, "a"), known(2, "b"), known(3, "c")};
    const auto fresh = pending(all, std::vector<Applied>());
    REQUIRE(fresh);
    CHECK(fresh->size() == 3);
    const auto partly = pending(all, std::vector<Applied>{applied(1, "a"), applied(2, "b")});
    REQUIRE(partly);
    REQUIRE(partly->size() == 1);
    CHECK(partly->front().number == 3);
}

TEST_CASE("an edited migration is an error") {
    const std::vector<Migration> all{known(1, "a"), known(2, "b")};
    const auto result = pending(all, std::vector<Applied>{applied(1, "other")});
    CHECK(mentions(result, "edited"));
    CHECK(mentions(result, "1 (name)"));
}

TEST_CASE("a gap in the history is an error") {
    const std::vector<Migration> all{known(1, "a"), known(2, "b"), known(3, "c")};
    CHECK(mentions(pending(all, std::vector<Applied>{applied(1, "a"), applied(3, "c")}), "2"));
    const std::vector<Migration> fewer{known(1, "a"), known(3, "c")};
    CHECK(mentions(pending(fewer, std::vector<Applied>{applied(1, "a"), applied(2, "b")}),
                   "not to this binary"));
}

TEST_CASE("a database that is ahead is left alone while it accepts this binary") {
    const std::vector<Migration> all{known(1, "a")};
    const auto fits = pending(all, std::vector<Applied>{applied(1, "a"), applied(2, "b", 1)});
    REQUIRE(fits);
    CHECK(fits->empty());
    CHECK(mentions(pending(all, std::vector<Applied>{applied(1, "a"), applied(2, "b", 2)}),
                   "needs a binary that knows migration 2"));
}

TEST_CASE("the built-in migrations rise without gaps and carry their checksums") {
    int expected = 1;
    for (const auto& migration : migrations()) {
        CHECK(migration.number == expected++);
        CHECK(migration.compatible_from <= migration.number);
        CHECK(migration.checksum.size() == 64);
        CHECK_FALSE(migration.name.empty());
        CHECK(migration.sql.starts_with("-- compatible_from: "));
    }
}

}  // namespace subcults::schema
