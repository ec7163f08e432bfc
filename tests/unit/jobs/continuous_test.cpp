// A job that is always under way, as its metrics and operators see it.
#include "jobs/continuous.hpp"
#include "metrics/catalogue.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::jobs;
namespace catalogue = metrics::catalogue;

namespace {

struct Fixture {
    metrics::Registry registry{metrics::Scope::indexer};
    ContinuousJob job{"index_processing", registry};

    std::uint64_t runs(std::string_view status) {
        return registry.get(catalogue::background_jobs_total, {"index_processing", status}).value();
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a continuous job that has done nothing says so") {
    const ContinuousJob::Status status = job.status();
    CHECK_FALSE(status.running);
    CHECK(status.runs == 0);
    CHECK_FALSE(status.finished_at);
    CHECK_FALSE(status.last_success_at);
    CHECK_FALSE(status.last_succeeded);
    CHECK_FALSE(status.last_error);
}

TEST_CASE_METHOD(Fixture, "each piece of work counts as a run, in metrics and status alike") {
    job.running(true);
    job.succeeded(0.2);
    job.succeeded(0.3);
    job.failed(ErrorType::validation_error, 4.0);
    CHECK(runs("success") == 2);
    CHECK(runs("failure") == 1);
    CHECK(registry
              .get(catalogue::background_job_errors_total, {"index_processing", "validation_error"})
              .value() == 1);
    const auto durations =
        registry.get(catalogue::background_jobs_duration_seconds, {"index_processing"}).snapshot();
    CHECK(durations.count() == 3);
    CHECK(durations.sum == Approx(4.5));
    CHECK(registry.get(catalogue::background_job_running, {"index_processing"}).value() == 1);

    const ContinuousJob::Status status = job.status();
    CHECK(status.running);
    CHECK(status.runs == 3);
    CHECK(status.failures == 1);
    REQUIRE(status.last_succeeded.has_value());
    CHECK_FALSE(*status.last_succeeded);
    REQUIRE(status.last_error.has_value());
    CHECK(*status.last_error == ErrorType::validation_error);
    REQUIRE(status.last_success_at.has_value());
    CHECK(
        registry.get(catalogue::background_job_last_success_timestamp_seconds, {"index_processing"})
            .value() == Approx(status.last_success_at->seconds()));
}

TEST_CASE_METHOD(Fixture, "a success after a failure is what the status shows") {
    job.failed(ErrorType::database_error, 1.0);
    job.succeeded(0.1);
    const ContinuousJob::Status status = job.status();
    REQUIRE(status.last_succeeded.has_value());
    CHECK(*status.last_succeeded);
    CHECK_FALSE(status.last_error);
    CHECK(status.duration_seconds == Approx(0.1));
}

TEST_CASE("every type of a service is there at 0 before any job has run") {
    for (const auto service : {metrics::Scope::api, metrics::Scope::indexer}) {
        const metrics::Registry registry(service);
        std::string text;
        registry.render(text);
        const bool api = service == metrics::Scope::api;
        const std::string type = api ? "report_generation" : "index_backfill";
        const std::string label = "{job_type=\"" + type + "\"";
        CHECK(text.find("background_jobs_total" + label + ",status=\"failure\"} 0\n") !=
              std::string::npos);
        CHECK(text.find("background_job_errors_total" + label + ",error_type=\"timeout\"} 0\n") !=
              std::string::npos);
        CHECK(text.find("background_jobs_duration_seconds_count" + label + "} 0\n") !=
              std::string::npos);
        CHECK(text.find("background_job_last_success_timestamp_seconds" + label + "} 0\n") !=
              std::string::npos);
        CHECK(text.find("background_job_running" + label + "} 0\n") != std::string::npos);
    }
}
