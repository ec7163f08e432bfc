// Every way in which a run can end.
#include "jobs/outcome.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <catch2/catch.hpp>

#include <stdexcept>

using namespace subcults;
using namespace subcults::jobs;

namespace {

const Deadline limit{std::chrono::seconds(1000)};
constexpr ErrorType unexpected = ErrorType::recompute_error;

Run& with_failure(Run& run, ErrorType type) {
    run.fail(type, "said by the work");
    return run;
}

std::exception_ptr aborted() {
    return std::make_exception_ptr(
        boost::system::system_error(boost::asio::error::operation_aborted));
}

}  // namespace

TEST_CASE("a run that says nothing is a success") {
    const Run run("t", 1, Cause::schedule, limit);
    const Outcome outcome = judge(run, StopReason::none, nullptr, false, unexpected);
    CHECK(outcome.result == Outcome::Result::success);
    CHECK(outcome.failures.empty());
    CHECK(outcome.counted());
    CHECK(outcome.stored());
}

TEST_CASE("a run with any failure is a failure with all of them") {
    Run run("t", 1, Cause::schedule, limit);
    with_failure(run, ErrorType::not_found);
    with_failure(run, ErrorType::network_error);
    const Outcome outcome = judge(run, StopReason::none, nullptr, false, unexpected);
    CHECK(outcome.result == Outcome::Result::failure);
    REQUIRE(outcome.failures.size() == 2);
    CHECK(outcome.failures[0].type == ErrorType::not_found);
}

TEST_CASE("what leaves the work is a failure of the network or of what the job says") {
    const Run run("t", 1, Cause::schedule, limit);
    const auto broken =
        std::make_exception_ptr(boost::system::system_error(boost::asio::error::connection_reset));
    const Outcome network = judge(run, StopReason::none, broken, false, unexpected);
    REQUIRE(network.failures.size() == 1);
    CHECK(network.failures[0].type == ErrorType::network_error);

    const auto bug = std::make_exception_ptr(std::logic_error("of did:plc:somebody"));
    const Outcome own = judge(run, StopReason::none, bug, false, unexpected);
    CHECK(own.result == Outcome::Result::failure);
    REQUIRE(own.failures.size() == 1);
    CHECK(own.failures[0].type == unexpected);
    CHECK(own.failures[0].detail.find("did:plc") == std::string::npos);

    const Outcome strange =
        judge(run, StopReason::none, std::make_exception_ptr(42), false, unexpected);
    CHECK(strange.result == Outcome::Result::failure);
}

TEST_CASE("a run over its time is one timeout, however it came out of its work") {
    Run run("t", 1, Cause::schedule, limit);
    const Outcome quiet = judge(run, StopReason::time_limit, nullptr, false, unexpected);
    CHECK(quiet.result == Outcome::Result::failure);
    REQUIRE(quiet.failures.size() == 1);
    CHECK(quiet.failures[0].type == ErrorType::timeout);

    const Outcome thrown = judge(run, StopReason::time_limit, aborted(), false, unexpected);
    REQUIRE(thrown.failures.size() == 1);
    CHECK(thrown.failures[0].type == ErrorType::timeout);

    with_failure(run, ErrorType::timeout);
    const Outcome said = judge(run, StopReason::time_limit, aborted(), false, unexpected);
    CHECK(said.failures.size() == 1);
}

TEST_CASE("failures from before the time was over count beside the timeout") {
    Run run("t", 1, Cause::schedule, limit);
    with_failure(run, ErrorType::network_error);
    const Outcome outcome = judge(run, StopReason::time_limit, aborted(), false, unexpected);
    REQUIRE(outcome.failures.size() == 2);
    CHECK(outcome.failures[0].type == ErrorType::network_error);
    CHECK(outcome.failures[1].type == ErrorType::timeout);
}

TEST_CASE("a lease that could not be kept is the database's fault, or that of a hung process") {
    const Run run("t", 1, Cause::schedule, limit);
    const Outcome database = judge(run, StopReason::lease_expired, aborted(), true, unexpected);
    REQUIRE(database.failures.size() == 1);
    CHECK(database.failures[0].type == ErrorType::database_error);
    const Outcome hung = judge(run, StopReason::lease_expired, aborted(), false, unexpected);
    REQUIRE(hung.failures.size() == 1);
    CHECK(hung.failures[0].type == ErrorType::timeout);
}

TEST_CASE("a run that a shutdown ends is cancelled and counts for nothing") {
    Run run("t", 1, Cause::schedule, limit);
    with_failure(run, ErrorType::network_error);
    for (const std::exception_ptr& thrown : {aborted(), std::exception_ptr()}) {
        const Outcome outcome = judge(run, StopReason::shutdown, thrown, false, unexpected);
        CHECK(outcome.result == Outcome::Result::cancelled);
        CHECK(outcome.failures.empty());
        CHECK_FALSE(outcome.counted());
        CHECK(outcome.stored());
    }
}

TEST_CASE("a run that another process has taken over is neither counted nor written down") {
    const Run run("t", 1, Cause::schedule, limit);
    const Outcome lost = judge(run, StopReason::lease_lost, aborted(), false, unexpected);
    CHECK(lost.result == Outcome::Result::lost);
    CHECK_FALSE(lost.counted());
    CHECK_FALSE(lost.stored());

    Run fenced("t", 1, Cause::schedule, limit);
    db::Error fence;
    fence.kind = db::ErrorKind::server;
    fence.sqlstate = "22012";
    fence.statement = fence_statements()[0].name;
    fenced.fail(fence);
    CHECK(judge(fenced, StopReason::none, nullptr, false, unexpected).result ==
          Outcome::Result::lost);
}
