#include "jobs/job.hpp"

#include <utility>

namespace subcults::jobs {

namespace {

// A division by zero is the fence. FOR KEY SHARE lets the lease be kept and ended meanwhile, but
// not be taken by somebody else.
constexpr db::Statement fence{
    "job_fence",
    "WITH held AS MATERIALIZED (SELECT 1 FROM background_jobs WHERE job_type = $1::text"
    " AND epoch = $2::bigint FOR KEY SHARE) SELECT 1 / count(*) FROM held"};

// What comes of waiting until a deadline, or of asking after it.
bool may_be_late(const db::Error& error) noexcept {
    switch (error.kind) {
        case db::ErrorKind::timeout:
        case db::ErrorKind::pool_timeout:
        case db::ErrorKind::unavailable:
            return true;
        case db::ErrorKind::server:
        case db::ErrorKind::connection_lost:
        case db::ErrorKind::protocol:
        case db::ErrorKind::cancelled:
            break;
    }
    return error.sqlstate == "57014";
}

// A run that fails a million times has one cause, or a few.
constexpr std::size_t max_failures = 100;

}  // namespace

std::string_view to_string(Cause cause) noexcept {
    switch (cause) {
        case Cause::schedule:
            return "schedule";
        case Cause::notification:
            return "notification";
        case Cause::request:
            return "request";
        case Cause::takeover:
            return "takeover";
    }
    return "schedule";
}

void Run::fail(ErrorType type, std::string detail) {
    if (stopping_ || failures_.size() >= max_failures) return;
    Failure failure;
    failure.type = type;
    failure.detail = std::move(detail);
    failures_.push_back(std::move(failure));
}

void Run::fail(const db::Error& error, SteadyClock::time_point now) {
    if (is_fenced_off(error)) {
        fenced_off_ = true;
        return;
    }
    const bool over = now >= deadline_ && may_be_late(error);
    fail(over ? ErrorType::timeout : classify(error), brief(error));
}

void Run::begin_fenced(db::Pipeline& pipeline) const {
    db::Params params;
    params.text(type_).int8(epoch_);
    pipeline.command("BEGIN").add(fence, std::move(params));
}

std::vector<db::Statement> fence_statements() {
    return {fence};
}

std::vector<std::pair<std::string, std::string>> fence_settings() {
    return {{"idle_in_transaction_session_timeout", "5s"},
            {"client_connection_check_interval", "1s"}};
}

bool is_fenced_off(const db::Error& error) noexcept {
    return error.sqlstate == "22012" && error.statement == fence.name;
}

}  // namespace subcults::jobs
