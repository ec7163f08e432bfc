#include "reports/report_text.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

using namespace subcults;
using namespace subcults::api::reports;

namespace {

Reports some() {
    Reports reports;
    reports.scene = Uuid::parse("01a202ec-848e-79a5-8d35-4ed1f807e177");
    reports.period = Period::hour;
    reports.from = *parse_rfc3339("2026-11-22T00:00:00Z");
    reports.to = *parse_rfc3339("2026-11-23T00:00:00Z");
    reports.computed_until = parse_rfc3339("2026-11-22T21:00:00Z");
    Report report;
    report.starts_at = *parse_rfc3339("2026-11-22T20:00:00Z");
    report.sessions = 2;
    report.sessions_started = 1;
    report.joins = 30;
    report.leaves = 4;
    report.unique_participants = 25;
    report.unique_participants_at_least = 20;
    report.listening_us = 1'500'000;
    report.quality_samples = 8;
    report.jitter_ms.median = 12.5;
    report.jitter_ms.worse = 0.1;
    report.computed_at = *parse_rfc3339("2026-11-22T21:02:00Z");
    report.revision = 3;
    reports.reports.push_back(report);
    return reports;
}

std::ptrdiff_t commas(const std::string& text) {
    return std::count(text.begin(), text.end(), ',');
}

}  // namespace

TEST_CASE("a report in JSON has every number, and null where nothing was measured") {
    CHECK(reports_json(some()) ==
          R"({"scene_id":"01a202ec-848e-79a5-8d35-4ed1f807e177","period":"hour",)"
          R"("from":"2026-11-22T00:00:00Z","to":"2026-11-23T00:00:00Z",)"
          R"("computed_until":"2026-11-22T21:00:00Z","reports":[)"
          R"({"starts_at":"2026-11-22T20:00:00Z","ends_at":"2026-11-22T21:00:00Z",)"
          R"("sessions":2,"sessions_started":1,"joins":30,"leaves":4,"unique_participants":25,)"
          R"("unique_participants_at_least":20,"listening_seconds":1.5,"quality":{"samples":8,)"
          R"("bitrate_kbps":{"p50":null,"p05":null},"jitter_ms":{"p50":12.5,"p95":0.1},)"
          R"("packet_loss_percent":{"p50":null,"p95":null},"audio_level":{"p50":null},)"
          R"("rtt_ms":{"p50":null,"p95":null},"mos":{"p50":null,"p05":null}},)"
          R"("computed_at":"2026-11-22T21:02:00Z","revision":3,"final":false}]})");
}

TEST_CASE("without reports the list is empty, and all scenes together are null") {
    Reports reports = some();
    reports.scene.reset();
    reports.computed_until.reset();
    reports.reports.clear();
    CHECK(reports_json(reports) ==
          R"({"scene_id":null,"period":"hour","from":"2026-11-22T00:00:00Z",)"
          R"("to":"2026-11-23T00:00:00Z","computed_until":null,"reports":[]})");
    const std::string csv = reports_csv(reports);
    CHECK(std::count(csv.begin(), csv.end(), '\n') == 1);
}

TEST_CASE("a report in CSV is a line with as many fields as the header") {
    const std::string csv = reports_csv(some());
    const std::size_t end = csv.find("\r\n");
    REQUIRE(end != std::string::npos);
    const std::string header = csv.substr(0, end);
    const std::string line = csv.substr(end + 2);
    CHECK(header.starts_with("scene_id,period,starts_at,"));
    CHECK(commas(header) == commas(line));
    CHECK(line ==
          "01a202ec-848e-79a5-8d35-4ed1f807e177,hour,2026-11-22T20:00:00Z,2026-11-22T21:00:00Z,"
          "2,1,30,4,25,20,1.5,8,,,12.5,0.1,,,,,,,,2026-11-22T21:02:00Z,3,false\r\n");
}
