#include "status.hpp"

#include "base/build_info.hpp"

#include <algorithm>

namespace subcults::indexer {
namespace {

// Longer than any single wait of the loop: statements are limited to 30 s.
constexpr std::int64_t writer_stalled_after_us = 60'000'000;

std::optional<std::string> time_or_null(std::int64_t micros) {
    if (micros == 0) return std::nullopt;
    return format_rfc3339(UnixMicros{micros});
}

double seconds(std::int64_t micros) {
    return static_cast<double>(micros) / 1e6;
}

// Seconds from now until then; null when there is nothing to wait for.
std::optional<double> seconds_until(const std::optional<SteadyClock::time_point>& then) {
    if (!then) return std::nullopt;
    const double wait = std::chrono::duration<double>(*then - SteadyClock::now()).count();
    return std::max(wait, 0.0);
}

}  // namespace

bool Status::writer_turns() const noexcept {
    const std::int64_t turn = state_.writer_turn_us.load();
    return turn != 0 && now_micros().value - turn < writer_stalled_after_us;
}

double Status::lag_seconds() const {
    return processing_lag_seconds(state_, queue_.oldest_time_us(), now_micros());
}

service::Readiness Status::readiness(bool draining) const {
    const service::DatabaseState database = database_.state();
    service::Readiness readiness;
    readiness.ready = database == service::DatabaseState::ready && writer_turns() && !draining;
    const auto number = [](auto value) {
        JsonWriter json;
        json.value(value);
        return json.take();
    };
    readiness.checks.push_back({"db", std::string(service::to_string(database))});
    readiness.checks.push_back({"writer", std::string(to_string(state_.phase.load()))});
    readiness.checks.push_back({"connected", state_.connected.load() ? "true" : "false", true});
    readiness.checks.push_back({"endpoint", endpoint()});
    readiness.checks.push_back({"lag_seconds", number(lag_seconds()), true});
    readiness.checks.push_back({"queue", number(queue_.size()), true});
    readiness.checks.push_back({"cursor", number(state_.cursor_us.load()), true});
    readiness.checks.push_back({"draining", draining ? "true" : "false", true});
    return readiness;
}

void Status::write_connection(JsonWriter& json, const SourceView& source) const {
    const std::size_t shown = std::min(source.endpoint, options_.hosts.size() - 1);
    json.key("connection")
        .begin_object()
        .field("state", to_string(source.link))
        .field("endpoint", options_.hosts[shown])
        .field("since", time_or_null(source.since.value))
        .field("reconnections", metrics_.reconnection_attempts.value())
        .field("compressed", source.compressed)
        .field("numbered", source.numbered)
        .field("preferred_due_in_seconds", seconds_until(source.preferred_due))
        .key("endpoints")
        .begin_array();
    for (std::size_t i = 0; i < source.endpoints.size(); ++i) {
        const EndpointView& endpoint = source.endpoints[i];
        std::optional<std::string_view> error;
        if (!endpoint.last_error.empty()) error = endpoint.last_error;
        json.begin_object()
            .field("host", options_.hosts[i])
            .field("preferred", i == 0)
            .field("failures", endpoint.failures)
            .field("last_error", error)
            .field("permanent", endpoint.permanent)
            .field("next_attempt_in_seconds", seconds_until(endpoint.next_attempt))
            .end_object();
    }
    json.end_array().end_object();
}

void Status::write_lag(JsonWriter& json) const {
    const LagParts lag = processing_lag(state_, queue_.oldest_time_us(), now_micros());
    json.field("lag_seconds", seconds(lag.total))
        .key("lag")
        .begin_object()
        .field("oldest_queued_seconds", seconds(lag.oldest_queued))
        .field("in_flight_seconds", seconds(lag.in_flight))
        .field("last_commit_seconds", seconds(lag.last_commit))
        .field("disconnected_seconds", seconds(lag.disconnected))
        .end_object();
}

void Status::write_cursors(JsonWriter& json) const {
    const std::vector<jetstream::StoredCursor> committed = state_.committed.get();
    json.key("cursors").begin_array();
    for (std::size_t i = 0; i < options_.hosts.size(); ++i) {
        const jetstream::StoredCursor cursor =
            i < committed.size() ? committed[i] : jetstream::StoredCursor();
        json.begin_object()
            .field("host", options_.hosts[i])
            .field("time_us", cursor.time_us)
            .field("at", time_or_null(cursor.time_us.value_or(0)))
            .field("seq", cursor.seq)
            .end_object();
    }
    json.end_array();
}

std::string Status::json() const {
    const SourceView source = state_.source.get();
    JsonWriter json;
    json.begin_object()
        .field("version", build_info().version)
        .field("revision", build_info().revision)
        .field("shard", options_.shard)
        .field("database", service::to_string(database_.state()))
        .field("writer", to_string(state_.phase.load()))
        .field("breaker_open", state_.breaker_open.load())
        .field("connected", state_.connected.load())
        .field("endpoint", endpoint())
        .key("endpoints")
        .begin_array();
    for (const std::string& host : options_.hosts)
        json.value(host);
    json.end_array();
    write_connection(json, source);
    write_lag(json);
    json.field("last_event_at", time_or_null(state_.last_event_us.load()))
        .field("last_heard_at", time_or_null(state_.heard_us.load()))
        .field("last_commit_at", time_or_null(state_.last_commit_us.load()))
        .field("cursor", state_.cursor_us.load())
        .field("cursor_at", time_or_null(state_.cursor_us.load()));
    write_cursors(json);
    json.key("queue")
        .begin_object()
        .field("events", queue_.size())
        .field("bytes", queue_.bytes())
        .field("paused", queue_.paused())
        .field("pause_events", options_.limits.pause_events)
        .field("resume_events", options_.limits.resume_events)
        .field("pause_bytes", options_.limits.pause_bytes)
        .field("resume_bytes", options_.limits.resume_bytes)
        .end_object()
        .key("counts")
        .begin_object()
        .field("processed", metrics_.processed.value())
        .field("quarantined", metrics_.errors.value())
        .field("redelivered", metrics_.redelivered.value())
        .field("gaps", metrics_.gaps.value())
        .field("gap_seconds", metrics_.gap_seconds.value())
        .field("seq_regressions", metrics_.seq_regressions.value())
        .field("pauses", metrics_.paused.value())
        .field("failed_writes", metrics_.writes_failed.value())
        .end_object()
        .end_object();
    return json.take();
}

}  // namespace subcults::indexer
