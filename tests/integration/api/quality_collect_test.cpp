// Collections against LiveKit's roster: who is measured, what is counted, and that nothing is
// counted twice.
#include "integration/api/quality_house.hpp"

#include "base/uuid.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <thread>

using namespace subcults;
using namespace subcults::test;

namespace {

const std::string listener = "did:plc:secretlistener";
const std::string alerts = "stream_quality_alerts_total";
const std::string high_loss = "stream_high_packet_loss_total";

std::string count_of(const std::string& histogram) {
    return histogram + "_count";
}

std::size_t times(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++count;
    return count;
}

std::string two_sorted(const std::string& a, const std::string& b) {
    return a < b ? a + " " + b : b + " " + a;
}

}  // namespace

TEST_CASE("a collection measures who LiveKit says is there, and names the stale and the missing") {
    QualityHouse house;
    const std::string fresh = house.enter("did:plc:fresh");
    const std::string stale = house.enter("did:plc:stale");
    const std::string missing = house.enter("did:plc:missing");
    const std::string gone = house.enter("did:plc:gone");
    const std::string pending = house.enter("did:plc:pending", ",\"pending\":true");
    house.livekit.control("ghost", house.who(fresh));
    house.livekit.control("ghost", house.who(fresh, ",\"state\":\"ACTIVE\""));
    house.livekit.control("join", house.who("watcher", ",\"hidden\":true"));
    house.livekit.control("join", house.who("robot", ",\"kind\":\"AGENT\""));
    house.livekit.control("join", house.who("recorder", ",\"kind\":\"EGRESS\""));
    REQUIRE(house
                .report("did:plc:fresh", {window_json(1, 12, ",\"rtt_ms\":900"),
                                          window_json(2, 2, ",\"rtt_ms\":20")})
                .status == 202);
    REQUIRE(house.report("did:plc:stale", {window_json(1, 200)}).status == 202);
    REQUIRE(house.report("did:plc:gone", {window_json(1, 1)}).status == 202);
    REQUIRE(house.report("did:plc:pending", {window_json(1, 1)}).status == 202);

    house.livekit.control("leave", house.who(gone));

    const rapidjson::Document answer = house.collect();
    CHECK(std::string(answer["stream_id"].GetString()) == house.stream);
    CHECK(std::string(answer["roster"].GetString()) == "livekit");
    CHECK(answer["participants"].GetInt64() == 3);
    // The late window is a measurement, but none of today's news.
    CHECK(answer["metrics_recorded"].GetInt64() == 2);
    CHECK(answer["alerts_triggered"].GetInt64() == 0);
    CHECK(joined(answer["stale"]) == stale);
    CHECK(joined(answer["missing"]) == missing);
    CHECK(parse_rfc3339(answer["measured_at"].GetString()).has_value());

    CHECK(house.sql("SELECT string_agg(participant_id, ' ' ORDER BY participant_id)"
                    " FROM stream_quality_metrics") == two_sorted(fresh, stale));
    CHECK(house.sql("SELECT rtt_ms FROM stream_quality_metrics WHERE participant_id = '" + fresh +
                    "'") == "20");
    CHECK(house.sql("SELECT count(*) FROM stream_quality_metrics WHERE num_nonnulls(bitrate_kbps,"
                    " jitter_ms, packet_loss_percent, audio_level, rtt_ms) = 0") == "0");
    CHECK(house.metric(count_of("stream_network_rtt_ms")) == 1);
    CHECK(house.metric(count_of("stream_audio_packet_loss_percent")) == 0);
}

TEST_CASE("a window is collected once, by whoever and however often it is asked for") {
    QualityHouse house;
    RunningApi other(house.database.url(), house.with({}));
    const std::string poor = ",\"packet_loss_percent\":40,\"jitter_ms\":90,\"rtt_ms\":700";
    constexpr int people = 10;
    for (int i = 0; i < people; ++i) {
        const std::string did = std::string("did:plc:p").append(std::to_string(i));
        house.enter(did);
        REQUIRE(house.report(did, {window_json(1, 3, poor), window_json(2, 1, poor)}).status ==
                202);
    }
    std::atomic<int> recorded{0};
    std::atomic<int> alerted{0};
    std::atomic<int> odd{0};
    std::vector<std::thread> askers;
    for (int i = 0; i < 6; ++i) {
        askers.emplace_back([&, i] {
            HttpClient client(i % 2 == 0 ? house.api.port() : other.port());
            for (int n = 0; n < 5; ++n) {
                const Answer answer =
                    client.post(house.path("/collect"), RunningApi::as(QualityHouse::host));
                if (answer.status != 200) {
                    ++odd;
                    continue;
                }
                const rapidjson::Document body = answer.json();
                recorded += static_cast<int>(body["metrics_recorded"].GetInt64());
                alerted += static_cast<int>(body["alerts_triggered"].GetInt64());
            }
        });
    }
    for (std::thread& asker : askers)
        asker.join();
    CHECK(odd == 0);
    CHECK(recorded == people);
    CHECK(alerted == people);
    CHECK(house.sql("SELECT count(*) FROM stream_quality_metrics") == std::to_string(people));
    const auto both = [&](const std::string& series) {
        return house.metric(series) + other.metric(series);
    };
    CHECK(both(alerts) == people);
    CHECK(both(high_loss) == people);
    CHECK(both(count_of("stream_audio_jitter_ms")) == people);

    const rapidjson::Document again = house.collect();
    CHECK(again["metrics_recorded"].GetInt64() == 0);
    CHECK(again["alerts_triggered"].GetInt64() == 0);
    // Their reports are of a moment ago, whoever has collected them.
    CHECK(again["stale"].Size() == 0);
    CHECK(again["missing"].Size() == 0);
}

TEST_CASE("samples alert strictly above the limits, once each, and never for silence") {
    QualityHouse house;
    std::int64_t seq = 0;
    const auto collect = [&](const std::string& fields) {
        REQUIRE(house.report(listener, {window_json(++seq, 0, fields)}).status == 202);
        return house.collect()["alerts_triggered"].GetInt64();
    };
    house.enter(listener);
    CHECK(collect(",\"packet_loss_percent\":5,\"jitter_ms\":30,\"rtt_ms\":300") == 0);
    CHECK(house.metric(alerts) == 0);
    CHECK(collect(",\"packet_loss_percent\":5.01,\"jitter_ms\":30.01,\"rtt_ms\":300.01") == 1);
    CHECK(house.metric(alerts) == 1);
    CHECK(house.metric(high_loss) == 1);
    CHECK(collect(",\"jitter_ms\":31") == 1);
    CHECK(collect(",\"rtt_ms\":301") == 1);
    CHECK(house.metric(alerts) == 3);
    CHECK(house.metric(high_loss) == 1);

    CHECK(collect(",\"bitrate_kbps\":2,\"audio_level\":0,\"jitter_ms\":1,\"muted\":true") == 0);
    CHECK(house.metric(count_of("stream_audio_bitrate_kbps")) == 0);
    CHECK(house.metric(count_of("stream_audio_level")) == 0);
    CHECK(collect(",\"bitrate_kbps\":32,\"audio_level\":0") == 0);
    CHECK(house.metric(count_of("stream_audio_bitrate_kbps")) == 1);
    CHECK(house.metric("stream_audio_level_bucket{le=\"0.0\"}") == 1);
    CHECK(house.metric(count_of("stream_audio_jitter_ms")) == 4);
    CHECK(house.metric(count_of("stream_audio_packet_loss_percent")) == 2);
    CHECK(house.metric("stream_audio_packet_loss_percent_bucket{le=\"5\"}") == 1);
    CHECK(house.metric(count_of("stream_network_rtt_ms")) == 3);
    CHECK(house.metric(count_of("stream_audio_mos")) == 2);
}

TEST_CASE("late windows are stored and collected, but stay out of metrics and alerts") {
    QualityHouse house;
    const std::string id = house.enter(listener);
    REQUIRE(house
                .report(listener, {window_json(1, 540, ",\"packet_loss_percent\":60"),
                                   window_json(2, 120, ",\"packet_loss_percent\":60")})
                .status == 202);
    CHECK(house.sql("SELECT count(*) FROM stream_quality_reports WHERE late") == "2");
    const rapidjson::Document answer = house.collect();
    CHECK(answer["metrics_recorded"].GetInt64() == 1);
    CHECK(answer["alerts_triggered"].GetInt64() == 0);
    CHECK(joined(answer["stale"]) == id);
    CHECK(house.metric(alerts) == 0);
    CHECK(house.metric(high_loss) == 0);
    CHECK(house.metric(count_of("stream_audio_packet_loss_percent")) == 0);
    CHECK(
        house.sql("SELECT concat_ws(' ', packet_loss_percent, late) FROM stream_quality_metrics") ==
        "60 t");
}

TEST_CASE("a degradation is logged once per episode, without anybody's DID") {
    QualityHouse house;
    const std::string id = house.enter(listener);
    std::int64_t seq = 0;
    const auto report = [&](double loss, int windows) {
        std::vector<std::string> list;
        for (int i = 0; i < windows; ++i) {
            ++seq;
            list.push_back(
                window_json(seq, 50 - static_cast<double>(seq),
                            std::string(",\"packet_loss_percent\":").append(std::to_string(loss))));
        }
        REQUIRE(house.report(listener, list).status == 202);
        house.collect();
        return times(house.api.process().output(), "audio quality degraded");
    };
    CHECK(report(20, 2) == 0);
    CHECK(report(0, 1) == 0);
    CHECK(report(20, 3) == 1);
    for (int i = 0; i < 5; ++i)
        CHECK(report(20, 1) == 1);
    CHECK(report(0, 3) == 1);
    CHECK(report(20, 2) == 1);
    CHECK(report(20, 1) == 2);
    const std::string log = house.api.process().output();
    CHECK(log.find(house.stream) != std::string::npos);
    // Who it was is read from the endpoints, by those who may.
    CHECK(log.find(id) == std::string::npos);
    CHECK(log.find("secretlistener") == std::string::npos);
    // Samples count one by one all the same.
    CHECK(house.metric(alerts) == 9);
}

TEST_CASE("participants may tell of their audio in an attribute, where that is allowed") {
    QualityHouse house(Process::Environment{{"QUALITY_ATTRIBUTES", "true"}});
    const auto tell = [&](const std::string& identity, const std::string& window) {
        std::string escaped;
        for (const char c : window)
            escaped += c == '"' ? std::string("\\\"") : std::string(1, c);
        house.livekit.control("attributes",
                              house.who(identity, ",\"attributes\":{\"aq\":\"" + escaped + "\"}"));
    };
    const std::string host = house.enter(QualityHouse::host);
    const std::string broken = house.enter("did:plc:broken");
    tell(host, window_json(1, 2, ",\"packet_loss_percent\":7,\"jitter_ms\":3,\"rtt_ms\":50"));
    tell(broken, "{\"seq\":1}");
    const rapidjson::Document first = house.collect();
    CHECK(first["metrics_recorded"].GetInt64() == 1);
    CHECK(first["alerts_triggered"].GetInt64() == 1);
    CHECK(joined(first["missing"]) == broken);
    CHECK(house.sql("SELECT concat_ws(' ', participant_id, packet_loss_percent)"
                    " FROM stream_quality_metrics") == host + " 7");
    // An attribute stays where it is when its client has gone quiet.
    const rapidjson::Document second = house.collect();
    CHECK(second["metrics_recorded"].GetInt64() == 0);
    CHECK(house.metric(alerts) == 1);
    // A report is as good.
    REQUIRE(house.report(QualityHouse::host, {window_json(2, 0)}).status == 202);
    CHECK(house.collect()["metrics_recorded"].GetInt64() == 1);
}

TEST_CASE("attributes count for nothing unless they are enabled") {
    QualityHouse house;
    const std::string id = house.enter(listener);
    const std::string now = format_rfc3339(now_micros());
    house.livekit.control(
        "attributes",
        house.who(id, ",\"attributes\":{\"aq\":\"{\\\"seq\\\":1,\\\"measured_at\\\":\\\"" + now +
                          "\\\",\\\"window_ms\\\":10000,\\\"direction\\\":\\\"uplink\\\","
                          "\\\"rtt_ms\\\":5}\"}"));
    const rapidjson::Document answer = house.collect();
    CHECK(answer["metrics_recorded"].GetInt64() == 0);
    CHECK(joined(answer["missing"]) == id);
}

TEST_CASE("only a host's token lets it set attributes, and only where they are used") {
    for (const bool enabled : {true, false}) {
        QualityHouse house(
            Process::Environment{{"QUALITY_ATTRIBUTES", enabled ? "true" : "false"}});
        for (const std::string& did : {QualityHouse::host, listener}) {
            const Answer token =
                house.api.client().post("/streams/" + house.stream + "/token", RunningApi::as(did));
            const auto connected = house.livekit.control(
                "connect",
                std::string("{\"token\":\"").append(token.json()["token"].GetString()) + "\"}");
            CHECK(connected["can_update_own_metadata"].GetBool() ==
                  (enabled && did == QualityHouse::host));
        }
    }
}

TEST_CASE("when LiveKit does not answer, the session's own participants are the roster") {
    QualityHouse house;
    const std::string id = house.enter(listener);
    eventually("the listener is present", [&] {
        return house.sql(
                   "SELECT joined_at IS NOT NULL AND left_at IS NULL FROM stream_participants"
                   " WHERE participant_id = '" +
                   id + "'") == "t";
    });
    struct Way {
        std::string fault;
        std::string roster;
        std::int64_t participants;
    };
    const std::vector<Way> ways = {
        // A room that LiveKit does not know has nobody in it.
        {"{\"method\":\"ListParticipants\",\"kind\":\"twirp\",\"status\":404,"
         "\"code\":\"not_found\"}",
         "livekit", 0},
        {"{\"method\":\"ListParticipants\",\"kind\":\"twirp\",\"status\":503,"
         "\"code\":\"unavailable\"}",
         "database", 1},
        {"{\"method\":\"ListParticipants\",\"kind\":\"twirp\",\"status\":412,"
         "\"code\":\"failed_precondition\"}",
         "database", 1},
        {"{\"method\":\"ListParticipants\",\"kind\":\"plain401\"}", "database", 1},
        {"{\"method\":\"ListParticipants\",\"kind\":\"garbage\"}", "database", 1},
    };
    std::int64_t seq = 0;
    for (const Way& way : ways) {
        INFO(way.fault);
        house.livekit.fault(way.fault);
        REQUIRE(house.report(listener, {window_json(++seq, 0)}).status == 202);
        const rapidjson::Document answer = house.collect();
        CHECK(std::string(answer["roster"].GetString()) == way.roster);
        CHECK(answer["participants"].GetInt64() == way.participants);
        CHECK(answer["metrics_recorded"].GetInt64() == way.participants);
        house.livekit.control("clear");
    }
}

TEST_CASE("a room that LiveKit does not know has nobody to measure") {
    QualityHouse house;
    REQUIRE(house.report(QualityHouse::host, {window_json(1, 1)}).status == 202);
    const rapidjson::Document answer = house.collect();
    CHECK(std::string(answer["roster"].GetString()) == "livekit");
    CHECK(answer["participants"].GetInt64() == 0);
    CHECK(answer["metrics_recorded"].GetInt64() == 0);
    CHECK(answer["stale"].Size() == 0);
    CHECK(house.sql("SELECT count(*) FROM stream_quality_metrics") == "0");
}

TEST_CASE("without LiveKit a collection goes by the session's own participants, and says so") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url(), {{"QUALITY_COLLECT_INTERVAL_SECONDS", "0"}});
    const std::string stream = create_stream(database, api, QualityHouse::host);
    const std::string path = "/streams/" + stream + "/quality-metrics";
    auto client = api.client();
    for (const char* did : {"did:plc:a", "did:plc:b", "did:plc:c"}) {
        REQUIRE(client.post("/streams/" + stream + "/join", RunningApi::as(did)).status == 200);
    }
    REQUIRE(client.post("/streams/" + stream + "/leave", RunningApi::as("did:plc:c")).status ==
            200);
    REQUIRE(
        client.post(path, RunningApi::as("did:plc:a"), report_json({window_json(1, 1)})).status ==
        202);
    const Answer answer = client.post(path + "/collect", RunningApi::as(QualityHouse::host));
    REQUIRE(answer.status == 200);
    const rapidjson::Document body = answer.json();
    CHECK(std::string(body["roster"].GetString()) == "database");
    CHECK(body["participants"].GetInt64() == 2);
    CHECK(body["metrics_recorded"].GetInt64() == 1);
    CHECK(body["missing"].Size() == 1);
}

TEST_CASE("collecting is for the host and administrators, while the session is on") {
    QualityHouse house;
    house.enter(listener);
    auto client = house.api.client();
    const auto collect = [&](const Headers& headers) {
        return client.post(house.path("/collect"), headers).status;
    };
    const Headers admin = {
        {"Authorization", "Bearer " + RunningApi::token("did:plc:admin", "admin")}};
    CHECK(collect(RunningApi::as(listener)) == 403);
    CHECK(collect(RunningApi::as("did:plc:stranger")) == 403);
    CHECK(collect({}) == 401);
    CHECK(collect(admin) == 200);
    CHECK(collect(RunningApi::as(QualityHouse::host)) == 200);
    CHECK(client
              .post("/streams/" + uuid_v7().to_string() + "/quality-metrics/collect",
                    RunningApi::as(QualityHouse::host))
              .status == 404);
    CHECK(client.post(house.path("/collect"), RunningApi::as(QualityHouse::host), "{\"x\":1}")
              .status == 400);
    REQUIRE(client.post("/streams/" + house.stream + "/end", RunningApi::as(QualityHouse::host))
                .status == 200);
    CHECK(collect(RunningApi::as(QualityHouse::host)) == 409);
}

TEST_CASE("the job collects when it is asked to, and says how much it could not") {
    QualityHouse house;
    const auto row = [&](const std::string& column) {
        return house.sql("SELECT " + column +
                         " FROM background_jobs WHERE job_type = 'quality_collection'");
    };
    const auto run = [&] {
        return house.api.client().post("/internal/jobs/quality_collection/run").status;
    };
    house.enter(listener);
    REQUIRE(house.report(listener, {window_json(1, 0)}).status == 202);
    eventually("the job is known", [&] { return row("runs") == "0"; });
    CHECK(row("next_run_at IS NULL") == "t");

    house.sql("ALTER TABLE stream_quality_progress RENAME TO away");
    REQUIRE(run() == 202);
    eventually("it has failed", [&] {
        return house.metric(
                   "background_job_errors_total{job_type=\"quality_collection\","
                   "error_type=\"database_error\"}") == 1;
    });
    CHECK(row("result") == "failure");
    CHECK(row("error") == "1 of 1 sessions were not collected");
    CHECK(house.sql("SELECT count(*) FROM stream_quality_metrics") == "0");

    house.sql("ALTER TABLE away RENAME TO stream_quality_progress");
    REQUIRE(run() == 202);
    eventually("it has collected",
               [&] { return house.sql("SELECT count(*) FROM stream_quality_metrics") == "1"; });
    eventually("it has succeeded", [&] { return row("result") == "success"; });
}

TEST_CASE("rounds are made by one replica at a time, and by another when that one dies") {
    const Process::Environment often{{"QUALITY_COLLECT_INTERVAL_SECONDS", "1"}};
    QualityHouse house(often);
    auto other = std::make_unique<RunningApi>(house.database.url(), house.with(often));
    house.enter(listener);
    std::int64_t seq = 0;
    const auto measured = [&] {
        return std::stoll(house.sql("SELECT count(*) FROM stream_quality_metrics"));
    };
    const auto report_until_measured = [&](RunningApi& api) {
        const long long before = measured();
        eventually("a round has come", [&] {
            api.client().post(house.path(), RunningApi::as(listener),
                              report_json({window_json(++seq, 0)}));
            return measured() > before;
        });
    };
    report_until_measured(house.api);
    report_until_measured(house.api);
    // What was recorded was counted once, by whichever of them ran the job.
    const std::string series = count_of("stream_audio_packet_loss_percent");
    eventually("each is counted", [&] {
        return house.metric(series) + other->metric(series) == static_cast<double>(measured());
    });
    house.api.process().kill();
    const double before = other->metric(series);
    eventually("the other one goes on", [&] {
        other->client().post(house.path(), RunningApi::as(listener),
                             report_json({window_json(++seq, 0)}));
        return other->metric(series) > before;
    });
}
