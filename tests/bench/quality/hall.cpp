#include "bench/quality/hall.hpp"

#include "audit/privacy_keys.hpp"
#include "base/time.hpp"

#include <memory>
#include <stdexcept>

namespace subcults::bench {

namespace {

// As RunningApi::environment() sets it.
const std::string privacy_key(32, 'p');
constexpr std::size_t rows_per_statement = 2000;

std::string participant_of(api::PrivacyKeys& keys, const std::string& stream, std::size_t user) {
    const auto id = Uuid::parse(stream);
    if (!id) throw std::runtime_error("a stream without an id");
    return keys.participant_id(keys.current_kid(), *id,
                               std::string("did:plc:listener").append(std::to_string(user)));
}

// What a browser would send after a minute in which it could not.
class Windows {
  public:
    void append(std::string& into) {
        const std::int64_t now = now_micros().value;
        into += "{\"windows\":[";
        for (std::size_t i = 0; i < windows_per_report; ++i) {
            const auto age = static_cast<std::int64_t>(windows_per_report - i) * 8'000'000;
            into += i == 0 ? "{\"seq\":" : ",{\"seq\":";
            into += std::to_string(++seq_);
            into += ",\"measured_at\":\"";
            into += format_rfc3339(UnixMicros{now - age});
            into +=
                "\",\"window_ms\":8000,\"direction\":\"uplink\",\"bitrate_kbps\":31.5,"
                "\"jitter_ms\":4.25,\"packet_loss_percent\":0.4,\"audio_level\":0.125,"
                "\"rtt_ms\":48.5,\"muted\":false}";
        }
        into += "]}";
    }

  private:
    std::int64_t seq_ = now_micros().value;  // no two crowds share a number
};

}  // namespace

void admit_everybody(const Stage& stage) {
    api::PrivacyKeys keys({Secret(privacy_key)});
    std::string rows;
    std::size_t count = 0;
    const auto flush = [&] {
        if (rows.empty()) return;
        stage.execute(
            "INSERT INTO stream_participants (stream_session_id, participant_id,"
            " first_joined_at, joined_at) VALUES " +
            rows);
        rows.clear();
        count = 0;
    };
    for (std::size_t s = 0; s < reported_streams; ++s) {
        const std::string& stream = stage.streams()[s];
        for (std::size_t user = 0; user < users; ++user) {
            rows += (rows.empty() ? "('" : ",('") + stream + "','" +
                    participant_of(keys, stream, user) + "',now(),now())";
            if (++count == rows_per_statement) flush();
        }
    }
    flush();
    stage.execute("ANALYZE stream_participants");
}

CrowdPlan reporters(const Stage& stage, std::size_t connections) {
    const auto& streams = stage.streams();
    CrowdPlan plan;
    plan.port = stage.port();
    plan.action = "quality-metrics";
    plan.streams.assign(streams.begin(), streams.begin() + reported_streams);
    plan.tokens = stage.tokens();
    plan.connections = connections;
    plan.status = "202";
    auto windows = std::make_shared<Windows>();
    plan.body = [windows](std::string& into) { windows->append(into); };
    return plan;
}

std::uint64_t stored_windows(const Stage& stage) {
    return std::stoull(stage.execute("SELECT count(*) FROM stream_quality_reports"));
}

double rows_alone(const Stage& stage, double seconds) {
    stage.execute("CREATE TABLE IF NOT EXISTS bench_reference (rows float8)");
    stage.execute("TRUNCATE bench_reference");
    const std::string length = std::to_string(seconds);
    // Sessions that nobody else has, so that nothing of it is in the way of what follows.
    stage.execute(
        "DO $$ DECLARE"
        " until timestamptz := clock_timestamp() + interval '" +
        length +
        " s'; begun timestamptz := clock_timestamp(); n bigint := 0; BEGIN"
        " WHILE clock_timestamp() < until LOOP"
        "  INSERT INTO stream_quality_reports (stream_session_id, participant_id, seq, measured_at,"
        "   received_at, window_ms, uplink, muted, late, bitrate_kbps, jitter_ms,"
        "   packet_loss_percent, audio_level, rtt_ms)"
        "  SELECT ('00000000-0000-7000-8000-' || lpad((r * 7 % 20)::text, 12, '0'))::uuid,"
        "   'user-' || lpad((n / 6 + r)::text, 26, 'a'), n + w, clock_timestamp() - w * interval"
        "   '8 s', clock_timestamp(), 8000, true, false, false, 31.5, 4.25, 0.4, 0.125, 48.5"
        "  FROM generate_series(1, 100) r, generate_series(1, 6) w ON CONFLICT DO NOTHING;"
        "  n := n + 600; COMMIT;"
        " END LOOP;"
        " INSERT INTO bench_reference VALUES"
        "  (n / extract(epoch FROM clock_timestamp() - begun)); END $$");
    const double rate = std::stod(stage.execute("SELECT rows FROM bench_reference"));
    stage.execute(
        "DELETE FROM stream_quality_reports"
        " WHERE stream_session_id::text LIKE '00000000-0000-7000-8000-%'");
    stage.execute("VACUUM stream_quality_reports");
    return rate;
}

}  // namespace subcults::bench
