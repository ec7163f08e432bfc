#include "status.hpp"

#include "base/build_info.hpp"
#include "base/json_writer.hpp"

namespace subcults::indexer {
namespace {

// Longer than any single wait of the loop: statements are limited to 30 s.
constexpr std::int64_t writer_stalled_after_us = 60'000'000;

std::optional<std::string> time_or_null(std::int64_t micros) {
    if (micros == 0) return std::nullopt;
    return format_rfc3339(UnixMicros{micros});
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

std::string Status::json() const {
    JsonWriter json;
    json.begin_object()
        .field("version", build_info().version)
        .field("revision", build_info().revision)
        .field("database", service::to_string(database_.state()))
        .field("writer", to_string(state_.phase.load()))
        .field("connected", state_.connected.load())
        .field("endpoint", endpoint())
        .key("endpoints")
        .begin_array();
    for (const std::string& host : hosts_)
        json.value(host);
    json.end_array()
        .field("lag_seconds", lag_seconds())
        .field("last_event_at", time_or_null(state_.last_event_us.load()))
        .field("last_heard_at", time_or_null(state_.heard_us.load()))
        .field("cursor", state_.cursor_us.load())
        .field("cursor_at", time_or_null(state_.cursor_us.load()))
        .key("queue")
        .begin_object()
        .field("events", queue_.size())
        .field("bytes", queue_.bytes())
        .field("paused", queue_.paused())
        .end_object()
        .end_object();
    return json.take();
}

}  // namespace subcults::indexer
