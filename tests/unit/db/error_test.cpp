#include "db/error.hpp"

#include <catch2/catch.hpp>

#include <stdexcept>

namespace subcults::db {

namespace {

Error make(ErrorKind kind, std::string sqlstate = {}) {
    Error error;
    error.kind = kind;
    error.sqlstate = std::move(sqlstate);
    return error;
}

}  // namespace

TEST_CASE("connection trouble is worth another attempt") {
    CHECK(make(ErrorKind::unavailable).transient());
    CHECK(make(ErrorKind::connection_lost).transient());
    CHECK(make(ErrorKind::timeout).transient());
    CHECK(make(ErrorKind::pool_timeout).transient());
    CHECK_FALSE(make(ErrorKind::protocol).transient());
    CHECK_FALSE(make(ErrorKind::cancelled).transient());
}

TEST_CASE("the SQLSTATE class decides whether a refusal is transient") {
    for (const auto* code : {"08006", "40001", "40P01", "53300", "55P03", "57P01", "58030"}) {
        CHECK(make(ErrorKind::server, code).transient());
    }
    for (const auto* code : {"22P02", "23505", "42P01", "54000", "28P01", "25P02", "0A000", ""}) {
        CHECK_FALSE(make(ErrorKind::server, code).transient());
    }
}

TEST_CASE("only what was never sent or was refused has certainly not happened") {
    CHECK(make(ErrorKind::unavailable).certainly_not_applied());
    CHECK(make(ErrorKind::pool_timeout).certainly_not_applied());
    CHECK(make(ErrorKind::server, "23505").certainly_not_applied());
    CHECK_FALSE(make(ErrorKind::server, "40003").certainly_not_applied());
    CHECK_FALSE(make(ErrorKind::server, "08007").certainly_not_applied());
    CHECK_FALSE(make(ErrorKind::connection_lost).certainly_not_applied());
    CHECK_FALSE(make(ErrorKind::timeout).certainly_not_applied());
    CHECK_FALSE(make(ErrorKind::protocol).certainly_not_applied());
    CHECK_FALSE(make(ErrorKind::cancelled).certainly_not_applied());
}

TEST_CASE("a class matches errors of the server only") {
    CHECK(make(ErrorKind::server, "23505").is_class("23"));
    CHECK_FALSE(make(ErrorKind::server, "23505").is_class("22"));
    CHECK_FALSE(make(ErrorKind::server).is_class("23"));
    CHECK_FALSE(make(ErrorKind::connection_lost, "57P01").is_class("57"));
}

TEST_CASE("a description has everything a log line needs") {
    auto error = make(ErrorKind::server, "23505");
    error.statement = "insert_scene";
    error.message = "duplicate key";
    CHECK(describe(error) == "server 23505 in insert_scene: duplicate key");
    CHECK(describe(make(ErrorKind::timeout)) == "timeout");
}

TEST_CASE("taking the value of a failed result throws the description") {
    const DbResult<int> result = make(ErrorKind::server, "42P01");
    CHECK_THROWS_AS(result.value(), std::runtime_error);
}

TEST_CASE("the SQLSTATE class decides whether the data of a request is at fault") {
    for (const char* code : {"22021", "22P05", "23505", "23514", "54000"}) {
        INFO(code);
        CHECK(make(ErrorKind::server, code).of_the_data());
    }
    for (const char* code : {"40001", "42P01", "42501", "53100", "57014"}) {
        INFO(code);
        CHECK_FALSE(make(ErrorKind::server, code).of_the_data());
    }
    CHECK_FALSE(make(ErrorKind::timeout).of_the_data());
}

}  // namespace subcults::db
