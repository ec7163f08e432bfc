// Errors in the seven categories that the metrics know.
#include "jobs/job_error.hpp"
#include "metrics/catalogue.hpp"

#include <catch2/catch.hpp>

#include <iterator>

using namespace subcults;
using jobs::ErrorType;

namespace {

db::Error refused(std::string sqlstate) {
    db::Error error;
    error.kind = db::ErrorKind::server;
    error.sqlstate = std::move(sqlstate);
    return error;
}

}  // namespace

TEST_CASE("error types are called what the catalogue calls them, in its order") {
    const auto& names = metrics::catalogue::job_error_types;
    REQUIRE(std::size(names) == jobs::error_type_count);
    for (std::size_t i = 0; i < jobs::error_type_count; ++i)
        CHECK(jobs::to_string(static_cast<ErrorType>(i)) == names[i]);
}

TEST_CASE("what the database refuses is told apart by whose fault it is") {
    CHECK(jobs::classify(refused("42501")) == ErrorType::permission_denied);
    CHECK(jobs::classify(refused("28P01")) == ErrorType::permission_denied);
    CHECK(jobs::classify(refused("22003")) == ErrorType::validation_error);
    CHECK(jobs::classify(refused("23514")) == ErrorType::validation_error);
    CHECK(jobs::classify(refused("42P01")) == ErrorType::database_error);
    CHECK(jobs::classify(refused("40P01")) == ErrorType::database_error);
    CHECK(jobs::classify(refused("57014")) == ErrorType::database_error);
}

TEST_CASE("a database that is away is a database error, in whatever way it is away") {
    for (const auto kind :
         {db::ErrorKind::unavailable, db::ErrorKind::connection_lost, db::ErrorKind::timeout,
          db::ErrorKind::pool_timeout, db::ErrorKind::protocol, db::ErrorKind::cancelled}) {
        db::Error error;
        error.kind = kind;
        INFO(db::to_string(kind));
        CHECK(jobs::classify(error) == ErrorType::database_error);
    }
}

TEST_CASE("answers of other servers are told apart by their status") {
    CHECK(jobs::classify_status(401) == ErrorType::permission_denied);
    CHECK(jobs::classify_status(403) == ErrorType::permission_denied);
    CHECK(jobs::classify_status(404) == ErrorType::not_found);
    CHECK(jobs::classify_status(410) == ErrorType::not_found);
    CHECK(jobs::classify_status(400) == ErrorType::validation_error);
    CHECK(jobs::classify_status(422) == ErrorType::validation_error);
    CHECK(jobs::classify_status(408) == ErrorType::network_error);
    CHECK(jobs::classify_status(429) == ErrorType::network_error);
    CHECK(jobs::classify_status(503) == ErrorType::network_error);
    CHECK(jobs::classify_status(0) == ErrorType::network_error);
}

TEST_CASE("what is stored of a database error quotes no data") {
    db::Error error = refused("22P02");
    error.statement = "trust_store_scores";
    error.message = "invalid input syntax for type uuid: \"did:plc:somebody\"";
    CHECK(jobs::brief(error) == "server 22P02 in trust_store_scores");
}
