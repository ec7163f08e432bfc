// The list of jobs as operators get it.
#include "service/job_endpoints.hpp"

#include <catch2/catch.hpp>

#include <rapidjson/document.h>

using namespace subcults;
using namespace subcults::jobs;

namespace {

rapidjson::Document listed(const std::vector<JobStatus>& statuses) {
    rapidjson::Document document;
    const std::string text = service::jobs_json(statuses);
    document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
    REQUIRE_FALSE(document.HasParseError());
    return document;
}

Job trust() {
    Job job;
    job.type = "trust_recompute";
    job.schedule.interval = std::chrono::seconds(30);
    job.schedule.channel = "subcults_trust";
    job.time_limit = std::chrono::milliseconds(1500);
    return job;
}

}  // namespace

TEST_CASE("a scheduled job is listed with its row") {
    const Job job = trust();
    JobStatus status;
    status.job = &job;
    status.row.emplace();
    status.row->type = job.type;
    status.row->running = true;
    status.row->holder = "host/1";
    status.row->result = "failure";
    status.row->error_type = "timeout";
    status.row->started_at = UnixMicros{1'795'345'451'020'117};
    status.row->runs = 12;
    status.row->takeovers = 3;
    const auto document = listed({status});
    const auto& shown = document["jobs"][0];
    CHECK(shown["job_type"].GetString() == std::string("trust_recompute"));
    CHECK(shown["kind"].GetString() == std::string("scheduled"));
    CHECK(shown["interval_seconds"].GetDouble() == 30);
    CHECK(shown["channel"].GetString() == std::string("subcults_trust"));
    CHECK(shown["time_limit_seconds"].GetDouble() == 1.5);
    CHECK(shown["running"].GetBool());
    CHECK_FALSE(shown["running_here"].GetBool());
    CHECK(shown["holder"].GetString() == std::string("host/1"));
    CHECK(shown["error_type"].GetString() == std::string("timeout"));
    CHECK(shown["started_at"].GetString() == format_rfc3339(*status.row->started_at));
    CHECK(shown["finished_at"].IsNull());
    CHECK(shown["runs"].GetInt64() == 12);
    CHECK(shown["takeovers"].GetInt64() == 3);
}

TEST_CASE("the process that ran a job last is not shown as one that runs it") {
    const Job job = trust();
    JobStatus status;
    status.job = &job;
    status.row.emplace();
    status.row->holder = "host/1";
    CHECK(listed({status})["jobs"][0]["holder"].IsNull());
}

TEST_CASE("a job without a row yet is listed as it is set up") {
    Job job;
    job.type = "quality_collection";
    JobStatus status;
    status.job = &job;
    const auto document = listed({status});
    const auto& shown = document["jobs"][0];
    CHECK(shown["interval_seconds"].IsNull());
    CHECK(shown["channel"].IsNull());
    CHECK(shown["result"].IsNull());
    CHECK_FALSE(shown["running"].GetBool());
}

TEST_CASE("a continuous job is listed as what this process knows of it") {
    metrics::Registry registry(metrics::Scope::indexer);
    ContinuousJob job("index_processing", registry);
    job.running(true);
    job.failed(ErrorType::database_error, 0.5);
    JobStatus status;
    status.continuous = &job;
    const auto document = listed({status});
    const auto& shown = document["jobs"][0];
    CHECK(shown["kind"].GetString() == std::string("continuous"));
    CHECK(shown["running"].GetBool());
    CHECK(shown["running_here"].GetBool());
    CHECK(shown["result"].GetString() == std::string("failure"));
    CHECK(shown["error_type"].GetString() == std::string("database_error"));
    CHECK(shown["time_limit_seconds"].IsNull());
}

TEST_CASE("without jobs the list is empty, not absent") {
    CHECK(service::jobs_json({}) == "{\"jobs\":[]}");
}
