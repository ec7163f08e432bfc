#include "quality/quality_json.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::api::quality;

namespace {

const Uuid stream = *Uuid::parse("0190b6a0-0000-7000-8000-000000000001");
const UnixMicros moment = *parse_rfc3339("2026-01-29T02:30:00Z");

}  // namespace

TEST_CASE("recent metrics have exactly the fields of the guide, and the estimate") {
    MetricView metric;
    metric.id = *Uuid::parse("0190b6a0-0000-7000-8000-000000000002");
    metric.participant_id = "user-abc123";
    metric.values.bitrate_kbps = 128.5;
    metric.values.jitter_ms = 15.25;
    metric.values.packet_loss_percent = 2.5;
    metric.values.audio_level = 0.75;
    metric.measured_at = moment;
    const std::string bare =
        R"({"id":"0190b6a0-0000-7000-8000-000000000002",)"
        R"("stream_session_id":"0190b6a0-0000-7000-8000-000000000001",)"
        R"("participant_id":"user-abc123","bitrate_kbps":128.5,"jitter_ms":15.25,)"
        R"("packet_loss_percent":2.5,"audio_level":0.75,"rtt_ms":null,"mos":null,)"
        R"("measured_at":"2026-01-29T02:30:00Z"})";
    CHECK(metric_json(stream, metric) == bare);
    CHECK(metrics_json(stream, {metric}) ==
          R"({"stream_id":"0190b6a0-0000-7000-8000-000000000001","metrics":[)" + bare +
              R"(],"count":1})");
    CHECK(metrics_json(stream, {}) ==
          R"({"stream_id":"0190b6a0-0000-7000-8000-000000000001","metrics":[],"count":0})");
}

TEST_CASE("high packet loss lists participants, an empty list included") {
    CHECK(high_loss_json(stream, 5, {"user-abc123", "user-def456"}) ==
          R"({"stream_id":"0190b6a0-0000-7000-8000-000000000001","since_minutes":5,)"
          R"("participants":["user-abc123","user-def456"],"count":2})");
    CHECK(high_loss_json(stream, 60, {}) ==
          R"({"stream_id":"0190b6a0-0000-7000-8000-000000000001","since_minutes":60,)"
          R"("participants":[],"count":0})");
}

TEST_CASE("a collection says whose list it went by") {
    CollectionReport report;
    report.participants = 5;
    report.recorded = 3;
    report.alerts = 1;
    report.at = moment;
    report.stale = {"user-a"};
    report.missing = {"user-b"};
    const std::string start =
        R"({"stream_id":"0190b6a0-0000-7000-8000-000000000001","participants":5,)"
        R"("metrics_recorded":3,"alerts_triggered":1,"measured_at":"2026-01-29T02:30:00Z",)";
    const std::string end = R"(,"stale":["user-a"],"missing":["user-b"]})";
    CHECK(collected_json(stream, report) == start + R"("roster":"livekit")" + end);
    report.roster = RosterSource::database;
    CHECK(collected_json(stream, report) == start + R"("roster":"database")" + end);
}

TEST_CASE("an answer to a report says what became of each window") {
    std::vector<Window> windows(3);
    windows[0].seq = 1;
    windows[1].seq = 2;
    windows[2].seq = 3;
    const std::vector<WindowFate> fates{WindowFate::accepted, WindowFate::duplicate,
                                        WindowFate::accepted};
    Rejection value;
    value.index = 2;
    value.seq = 9;
    value.reason = "out_of_range";
    value.field = "jitter_ms";
    Rejection whole;
    whole.index = 4;
    whole.reason = "not_an_object";
    CHECK(reported_json(stream, windows, fates, {value, whole}) ==
          R"({"stream_id":"0190b6a0-0000-7000-8000-000000000001","accepted":[1,3],)"
          R"("duplicates":[2],"rejected":[)"
          R"({"index":2,"seq":9,"reason":"out_of_range","field":"jitter_ms"},)"
          R"({"index":4,"seq":null,"reason":"not_an_object","field":null}]})");
}
