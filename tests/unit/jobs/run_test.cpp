// What the work of a run can say.
#include "jobs/job.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::jobs;

namespace {

const Deadline limit{std::chrono::seconds(1000)};
const auto before = limit - std::chrono::seconds(1);

db::Error refused(std::string sqlstate, std::string statement = {}) {
    db::Error error;
    error.kind = db::ErrorKind::server;
    error.sqlstate = std::move(sqlstate);
    error.statement = std::move(statement);
    return error;
}

}  // namespace

TEST_CASE("a run collects its failures in order") {
    Run run("report_generation", 7, Cause::schedule, limit);
    run.fail(ErrorType::not_found, "the scene");
    run.fail(refused("42P01"), before);
    REQUIRE(run.failures().size() == 2);
    CHECK(run.failures()[0].type == ErrorType::not_found);
    CHECK(run.failures()[0].detail == "the scene");
    CHECK(run.failures()[1].type == ErrorType::database_error);
}

TEST_CASE("a statement cut off by the run's own deadline is a timeout, an earlier one is not") {
    Run run("trust_recompute", 1, Cause::schedule, limit);
    db::Error cut;
    cut.kind = db::ErrorKind::timeout;
    run.fail(cut, before);
    run.fail(cut, limit);
    run.fail(refused("57014"), limit);
    run.fail(refused("42P01"), limit);
    REQUIRE(run.failures().size() == 4);
    CHECK(run.failures()[0].type == ErrorType::database_error);
    CHECK(run.failures()[1].type == ErrorType::timeout);
    CHECK(run.failures()[2].type == ErrorType::timeout);
    CHECK(run.failures()[3].type == ErrorType::database_error);
}

TEST_CASE(
    "what waited for a connection until the run's deadline, or asked after it, is a timeout") {
    for (const db::ErrorKind kind : {db::ErrorKind::pool_timeout, db::ErrorKind::unavailable}) {
        INFO(db::to_string(kind));
        Run run("trust_recompute", 1, Cause::schedule, limit);
        db::Error late;
        late.kind = kind;
        run.fail(late, before);
        run.fail(late, limit);
        REQUIRE(run.failures().size() == 2);
        CHECK(run.failures()[0].type == ErrorType::database_error);
        CHECK(run.failures()[1].type == ErrorType::timeout);
    }
    Run run("trust_recompute", 1, Cause::schedule, limit);
    db::Error lost;
    lost.kind = db::ErrorKind::connection_lost;
    run.fail(lost, limit);
    REQUIRE(run.failures().size() == 1);
    CHECK(run.failures()[0].type == ErrorType::database_error);
}

TEST_CASE("what fails while a run is being stopped is no failure of its own") {
    Run run("stream_cleanup", 1, Cause::schedule, limit);
    run.stop();
    run.fail(ErrorType::network_error, "the connection was closed");
    run.fail(refused("57P01"), before);
    CHECK(run.stopping());
    CHECK(run.failures().empty());
}

TEST_CASE("failures of a run are bounded") {
    Run run("stream_cleanup", 1, Cause::schedule, limit);
    for (int i = 0; i < 100'000; ++i)
        run.fail(ErrorType::not_found, "again");
    CHECK(run.failures().size() <= 100);
}

TEST_CASE("only a division by zero in the fence says that another run has begun") {
    CHECK(is_fenced_off(refused("22012", "job_fence")));
    CHECK_FALSE(is_fenced_off(refused("22012", "trust_store_scores")));
    CHECK_FALSE(is_fenced_off(refused("57014", "job_fence")));
    REQUIRE(fence_statements().size() == 1);
    CHECK(fence_statements()[0].name == "job_fence");

    Run run("trust_recompute", 1, Cause::schedule, limit);
    run.fail(refused("22012", "job_fence"), before);
    CHECK(run.fenced_off());
    CHECK(run.failures().empty());
}

TEST_CASE("a fenced pipeline begins a transaction and checks the fence") {
    const Run run("trust_recompute", 41, Cause::notification, limit);
    db::Pipeline pipeline;
    run.begin_fenced(pipeline);
    CHECK(pipeline.size() == 2);
}
