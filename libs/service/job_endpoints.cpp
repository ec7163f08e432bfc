#include "service/job_endpoints.hpp"

#include "base/json_writer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace subcults::service {

namespace asio = boost::asio;

namespace {

using jobs::JobRunner;
using jobs::JobStatus;

std::optional<std::string> text(const std::optional<UnixMicros>& time) {
    if (!time) return std::nullopt;
    return format_rfc3339(*time);
}

double seconds(std::chrono::milliseconds duration) {
    return std::chrono::duration<double>(duration).count();
}

// Of a job that has no row yet, and of one that is always under way: what there is.
struct Shown {
    bool running = false;
    bool requested = false;
    std::optional<std::string> holder = {};
    std::optional<std::string> started_at = {};
    std::optional<std::string> finished_at = {};
    std::optional<std::string> result = {};
    std::optional<std::string> error_type = {};
    std::optional<std::string> error = {};
    std::optional<double> duration = {};
    std::optional<std::string> last_success_at = {};
    std::optional<std::string> next_run_at = {};
    std::int64_t runs = 0;
    std::int64_t failures = 0;
    std::int64_t takeovers = 0;
};

Shown shown(const jobs::JobRow& row) {
    Shown made;
    made.running = row.running;
    made.requested = row.requested;
    if (row.running) made.holder = row.holder;
    made.started_at = text(row.started_at);
    made.finished_at = text(row.finished_at);
    made.result = row.result;
    made.error_type = row.error_type;
    made.error = row.error;
    made.duration = row.duration_seconds;
    made.last_success_at = text(row.last_success_at);
    made.next_run_at = text(row.next_run_at);
    made.runs = row.runs;
    made.failures = row.failures;
    made.takeovers = row.takeovers;
    return made;
}

Shown shown(const jobs::ContinuousJob::Status& status) {
    Shown made;
    made.running = status.running;
    made.finished_at = text(status.finished_at);
    if (status.last_succeeded) made.result = *status.last_succeeded ? "success" : "failure";
    if (status.last_error) made.error_type = std::string(jobs::to_string(*status.last_error));
    if (status.finished_at) made.duration = status.duration_seconds;
    made.last_success_at = text(status.last_success_at);
    made.runs = status.runs;
    made.failures = status.failures;
    return made;
}

void write_set_up(JsonWriter& json, const jobs::Job* job) {
    std::optional<double> interval;
    std::optional<double> limit;
    std::optional<std::string> channel;
    if (job != nullptr) {
        limit = seconds(job->time_limit);
        if (job->schedule.periodic()) interval = seconds(job->schedule.interval);
        if (!job->schedule.channel.empty()) channel = job->schedule.channel;
    }
    json.field("interval_seconds", interval)
        .field("channel", channel)
        .field("time_limit_seconds", limit);
}

void write(JsonWriter& json, const JobStatus& status) {
    const bool continuous = status.continuous != nullptr;
    Shown made;
    if (continuous) made = shown(status.continuous->status());
    if (status.row) made = shown(*status.row);
    json.begin_object()
        .field("job_type", continuous ? status.continuous->type() : status.job->type)
        .field("kind", continuous ? "continuous" : "scheduled");
    write_set_up(json, status.job);
    json.field("running", made.running || status.running_here)
        .field("running_here", status.running_here || (continuous && made.running))
        .field("holder", made.holder)
        .field("requested", made.requested)
        .field("next_run_at", made.next_run_at)
        .field("started_at", made.started_at)
        .field("finished_at", made.finished_at)
        .field("result", made.result)
        .field("error_type", made.error_type)
        .field("error", made.error)
        .field("duration_seconds", made.duration)
        .field("last_success_at", made.last_success_at)
        .field("runs", made.runs)
        .field("failures", made.failures)
        .field("takeovers", made.takeovers)
        .end_object();
}

net::Response respond(unsigned status, std::string body) {
    net::Response response = net::json_response(status, std::move(body));
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
}

net::Response unavailable(const net::Request& request) {
    return net::retry_response(503, "unavailable", "The database does not answer.",
                               request.request_id, 1);
}

asio::awaitable<net::Response> list(JobRunner& runner, asio::io_context& io,
                                    net::Request& request) {
    auto executor = io.get_executor();
    auto found = co_await asio::co_spawn(executor, runner.list(), asio::use_awaitable);
    if (!found) co_return unavailable(request);
    co_return respond(200, jobs_json(*found));
}

asio::awaitable<net::Response> run_now(JobRunner& runner, asio::io_context& io,
                                       net::Request& request) {
    std::string type = request.text_params[0];
    auto executor = io.get_executor();
    auto asked = co_await asio::co_spawn(executor, runner.request(type), asio::use_awaitable);
    if (!asked) co_return unavailable(request);
    switch (*asked) {
        case JobRunner::Requested::unknown:
            co_return net::error_response(404, "not_found", "There is no such job here.",
                                          request.request_id);
        case JobRunner::Requested::continuous:
            co_return net::error_response(409, "conflict", "This job is always under way.",
                                          request.request_id);
        case JobRunner::Requested::soon:
        case JobRunner::Requested::after_present:
            break;
    }
    JsonWriter json;
    json.begin_object()
        .field("job_type", type)
        .field("after_present_run", *asked == JobRunner::Requested::after_present)
        .end_object();
    co_return respond(202, json.take());
}

}  // namespace

std::string jobs_json(const std::vector<JobStatus>& jobs) {
    JsonWriter json;
    json.begin_object().key("jobs").begin_array();
    for (const JobStatus& status : jobs)
        write(json, status);
    json.end_array().end_object();
    return json.take();
}

void add_job_routes(net::Router& router, net::RouteOptions internal, JobRunner& runner,
                    asio::io_context& jobs_io) {
    router.add(
        net::Method::get, "/internal/jobs", internal,
        [&runner, &jobs_io](net::Request& request) { return list(runner, jobs_io, request); });
    router.add(
        net::Method::post, "/internal/jobs/{type}/run", internal,
        [&runner, &jobs_io](net::Request& request) { return run_now(runner, jobs_io, request); });
}

}  // namespace subcults::service
