#include "backfill/backfill_report.hpp"

#include "backfill/replay_window.hpp"
#include "base/json_writer.hpp"
#include "base/time.hpp"

#include <cmath>

namespace subcults::indexer {

namespace {

// A server that stamps differently, or whose collections are quiet, begins a little later.
constexpr std::int64_t unremarkable_us = 60'000'000;

std::string at(std::int64_t time_us) {
    return format_rfc3339(UnixMicros{time_us});
}

std::string counted(std::int64_t count, const char* what) {
    return std::to_string(count) + " " + what;
}

}  // namespace

double BackfillState::share() const noexcept {
    if (status == "completed") return 1;
    return ReplayWindow(from_us, to_us, position_us).share();
}

std::string line_of(const BackfillState& state) {
    const auto percent = static_cast<std::int64_t>(std::floor(state.share() * 100));
    std::string line = "backfill " + std::to_string(state.id) + ": " + state.status + ", " +
                       std::to_string(percent) + " %";
    if (state.position_us) line += ", at " + at(*state.position_us);
    line += "; " + counted(state.events, "events") + ", " +
            counted(state.rows_changed, "rows changed") + ", " +
            counted(state.set_aside, "set aside");
    if (!state.error_type.empty()) line += "; last run failed: " + state.error_type;
    return line;
}

std::string json_of(const BackfillState& state) {
    JsonWriter json;
    json.begin_object()
        .field("id", state.id)
        .field("status", state.status)
        .field("from", at(state.from_us))
        .field("to", at(state.to_us))
        .field("share", state.share());
    if (state.position_us) json.field("position", at(*state.position_us));
    if (state.oldest_us) json.field("oldest", at(*state.oldest_us));
    json.field("events", state.events)
        .field("rows_changed", state.rows_changed)
        .field("set_aside", state.set_aside)
        .field("missing_seconds", state.missing_seconds)
        .field("runs", state.runs)
        .field("host", state.host);
    if (!state.error_type.empty()) json.field("last_error", state.error_type);
    json.end_object();
    return json.take();
}

std::string warning_of(const BackfillState& state) {
    if (state.status != "completed") return {};
    std::string text;
    if (!state.oldest_us && !state.position_us) {
        text = "the server had nothing of this time";
    } else if (state.oldest_us && *state.oldest_us > state.from_us + unremarkable_us) {
        text = "the server had nothing before " + at(*state.oldest_us);
    }
    if (state.missing_seconds > 0) {
        if (!text.empty()) text += "; ";
        text += std::to_string(static_cast<std::int64_t>(std::ceil(state.missing_seconds))) +
                " s were gone by the time they were asked for";
    }
    return text;
}

}  // namespace subcults::indexer
