// What was measured, as the host, participants and strangers get to see it; and what is kept.
#include "integration/api/quality_house.hpp"

#include "base/uuid.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace subcults;
using namespace subcults::test;

namespace {

const std::string anna = "did:plc:anna";
const std::string bert = "did:plc:bert";
const std::string stranger = "did:plc:stranger";

// Two participants with measurements of their own: anna loses packets, bert does not.
struct Evening : QualityHouse {
    Evening() {
        anna_id = enter(anna);
        bert_id = enter(bert);
        for (int round = 0; round < 3; ++round) {
            measure(anna,
                    std::string(",\"packet_loss_percent\":").append(std::to_string(10 + round)) +
                        ",\"jitter_ms\":3,\"rtt_ms\":40");
            measure(bert, std::string(",\"jitter_ms\":").append(std::to_string(round + 1)));
        }
    }
    void measure(const std::string& did, const std::string& fields) {
        if (report(did, {window_json(++seq, 0, fields)}).status != 202) {
            throw std::runtime_error("not reported");
        }
        collect();
    }
    std::string of(const std::string& participant) const {
        return "/streams/" + stream + "/participants/" + participant + "/quality-metrics";
    }
    std::int64_t seq = 0;
    std::string anna_id;
    std::string bert_id;
};

Headers admin() {
    return {{"Authorization", "Bearer " + RunningApi::token("did:plc:admin", "admin")}};
}

std::string participants_in(const Answer& answer) {
    const rapidjson::Document body = answer.json();
    std::string text;
    for (const auto& metric : body["metrics"].GetArray())
        text += (text.empty() ? "" : " ") + std::string(metric["participant_id"].GetString());
    return text;
}

}  // namespace

TEST_CASE_METHOD(Evening, "the host and administrators see everybody's recent measurements") {
    auto client = api.client();
    for (const Headers& headers : {RunningApi::as(host), admin()}) {
        const Answer answer = client.get(path(), headers);
        REQUIRE(answer.status == 200);
        const rapidjson::Document body = answer.json();
        CHECK(std::string(body["stream_id"].GetString()) == stream);
        CHECK(body["count"].GetInt64() == 6);
        REQUIRE(body["metrics"].Size() == 6);
        std::int64_t before = now_micros().value;
        for (const auto& metric : body["metrics"].GetArray()) {
            CHECK(std::string(metric["stream_session_id"].GetString()) == stream);
            const auto at = parse_rfc3339(metric["measured_at"].GetString());
            REQUIRE(at);
            CHECK(at->value <= before);
            before = at->value;
        }
        // The newest is bert's third; what was not measured is null.
        const auto& newest = body["metrics"][0];
        CHECK(std::string(newest["participant_id"].GetString()) == bert_id);
        CHECK(newest["jitter_ms"].GetDouble() == 3);
        CHECK(newest["packet_loss_percent"].IsNull());
        CHECK(newest["mos"].IsNull());
        CHECK(body["metrics"][1]["packet_loss_percent"].GetDouble() == 12);
        CHECK(body["metrics"][1]["mos"].GetDouble() > 1);
        CHECK(body["metrics"][1]["mos"].GetDouble() < 3);
    }
    const Answer two = client.get(path("?limit=2"), RunningApi::as(host));
    CHECK(participants_in(two) == bert_id + " " + anna_id);
}

TEST_CASE_METHOD(Evening, "a participant sees itself, a stranger nothing") {
    auto client = api.client();
    const Answer own = client.get(path(), RunningApi::as(anna));
    REQUIRE(own.status == 200);
    CHECK(participants_in(own) == anna_id + " " + anna_id + " " + anna_id);
    CHECK(own.json()["count"].GetInt64() == 3);
    CHECK(client.get(of(anna_id), RunningApi::as(anna)).status == 200);
    CHECK(client.get(of(bert_id), RunningApi::as(anna)).status == 403);
    // Nobody learns from the answer which ids there are.
    CHECK(client.get(of("user-aaaaaaaaaaaaaaaaaaaaaaaaaa"), RunningApi::as(anna)).status == 403);
    for (const std::string& target :
         {path(), path("/high-packet-loss"), of(anna_id), of("user-aaaaaaaaaaaaaaaaaaaaaaaaaa")}) {
        INFO(target);
        CHECK(client.get(target, RunningApi::as(stranger)).status == 403);
        CHECK(client.get(target).status == 401);
    }
    const std::string nowhere = "/streams/" + uuid_v7().to_string() + "/quality-metrics";
    CHECK(client.get(nowhere, RunningApi::as(host)).status == 404);
    CHECK(client.get(nowhere, admin()).status == 404);
    CHECK(client.get("/streams/nope/quality-metrics", RunningApi::as(host)).status == 404);
}

TEST_CASE_METHOD(Evening,
                 "a participant's latest is the bare measurement, and 404 when there is none") {
    auto client = api.client();
    const Answer answer = client.get(of(anna_id), RunningApi::as(host));
    REQUIRE(answer.status == 200);
    const rapidjson::Document latest = answer.json();
    CHECK(std::string(latest["participant_id"].GetString()) == anna_id);
    CHECK(latest["packet_loss_percent"].GetDouble() == 12);
    CHECK(latest["rtt_ms"].GetDouble() == 40);
    CHECK(latest["bitrate_kbps"].IsNull());
    for (const char* nobody : {"user-aaaaaaaaaaaaaaaaaaaaaaaaaa", "x", "%00", "did:plc:anna"}) {
        INFO(nobody);
        const unsigned status = client.get(of(nobody), RunningApi::as(host)).status;
        CHECK((status == 404 || (status == 400 && nobody[0] == '%')));
    }
    // A measurement is there after the end as well.
    REQUIRE(client.post("/streams/" + stream + "/end", RunningApi::as(host)).status == 200);
    CHECK(client.get(of(anna_id), RunningApi::as(host)).status == 200);
    CHECK(client.get(path(), RunningApi::as(anna)).status == 200);
}

TEST_CASE_METHOD(Evening, "high packet loss names each participant above 5 percent once") {
    auto client = api.client();
    const std::string target = path("/high-packet-loss");
    const Answer all = client.get(target, RunningApi::as(host));
    REQUIRE(all.status == 200);
    CHECK(all.body == "{\"stream_id\":\"" + stream + "\",\"since_minutes\":5,\"participants\":[\"" +
                          anna_id + "\"],\"count\":1}");
    CHECK(client.get(target + "?since_minutes=60", admin()).json()["since_minutes"].GetInt64() ==
          60);
    CHECK(joined(client.get(target, RunningApi::as(anna)).json()["participants"]) == anna_id);
    const Answer none = client.get(target, RunningApi::as(bert));
    CHECK(none.status == 200);
    CHECK(none.body ==
          "{\"stream_id\":\"" + stream + "\",\"since_minutes\":5,\"participants\":[],\"count\":0}");
    // Exactly 5 is not above 5, and what is older is not asked for.
    database.execute(
        "UPDATE stream_quality_metrics SET packet_loss_percent = 5"
        " WHERE packet_loss_percent > 5");
    CHECK(client.get(target, RunningApi::as(host)).json()["count"].GetInt64() == 0);
    database.execute(
        "INSERT INTO stream_quality_metrics (stream_session_id, participant_id,"
        " packet_loss_percent, measured_at) VALUES ('" +
        stream + "', 'user-old', 50, now() - interval '7 minutes')");
    CHECK(client.get(target, RunningApi::as(host)).json()["count"].GetInt64() == 0);
    CHECK(joined(client.get(target + "?since_minutes=8", RunningApi::as(host))
                     .json()["participants"]) == "user-old");
}

TEST_CASE_METHOD(Evening, "parameters outside their range are refused with the range") {
    auto client = api.client();
    for (const char* bad : {"0", "1001", "-1", "", "ten", "1.5", "99999999999999999999"}) {
        INFO(bad);
        const Answer answer =
            client.get(path(std::string("?limit=").append(bad)), RunningApi::as(host));
        CHECK(answer.status == 400);
        CHECK(answer.body.find("1 to 1000") != std::string::npos);
    }
    for (const char* bad : {"0", "61", "-5", "", "x"}) {
        INFO(bad);
        const Answer answer =
            client.get(path(std::string("/high-packet-loss?since_minutes=").append(bad)),
                       RunningApi::as(host));
        CHECK(answer.status == 400);
        CHECK(answer.body.find("1 to 60") != std::string::npos);
    }
    CHECK(client.get(path("?limit=1&limit=2"), RunningApi::as(host)).status == 400);
}

TEST_CASE("empty lists are lists") {
    QualityHouse house;
    auto client = house.api.client();
    CHECK(client.get(house.path(), RunningApi::as(QualityHouse::host)).body ==
          "{\"stream_id\":\"" + house.stream + "\",\"metrics\":[],\"count\":0}");
    CHECK(client.get(house.path("/high-packet-loss"), RunningApi::as(QualityHouse::host)).body ==
          "{\"stream_id\":\"" + house.stream +
              "\",\"since_minutes\":5,\"participants\":[],\"count\":0}");
}

TEST_CASE("the estimate follows loss, delay and jitter") {
    QualityHouse house;
    house.enter(anna);
    REQUIRE(
        house
            .report(anna,
                    {window_json(1, 0, ",\"packet_loss_percent\":0,\"jitter_ms\":2,\"rtt_ms\":40")})
            .status == 202);
    house.collect();
    const auto body =
        house.api.client().get(house.path(), RunningApi::as(QualityHouse::host)).json();
    CHECK(body["metrics"][0]["mos"].GetDouble() == Approx(4.409).margin(0.001));
    CHECK(house.metric("stream_audio_mos_count") == 1);
}

TEST_CASE("partitions are made ahead and dropped when they are old") {
    const TestDatabase database = TestDatabase::migrated();
    const auto partitions = [&](const std::string& name) {
        return database.execute(
            "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON"
            " c.oid = i.inhrelid WHERE c.relname LIKE '" +
            name + "'");
    };
    const auto add = [&](const std::string& parent, const std::string& starts,
                         const std::string& width, const std::string& suffix) {
        database.execute("SELECT quality_add_partition('" + parent + "', " + starts +
                         ", interval '" + width + "', '" + suffix + "')");
    };
    const std::string day = "date_trunc('day', now(), 'UTC')";
    const std::string hour = "date_trunc('hour', now(), 'UTC')";
    for (const char* ago : {"100 days", "8 days", "4 days", "3 days"}) {
        add("stream_quality_metrics", day + " - interval '" + ago + "'", "24 hours", "YYYYMMDD");
    }
    for (const char* ago : {"5 hours", "2 hours"}) {
        add("stream_quality_reports", hour + " - interval '" + ago + "'", "1 hour", "YYYYMMDDHH24");
    }
    const auto there = [&](const std::string& parent, const std::string& time,
                           const std::string& suffix) {
        return database.execute("SELECT to_regclass('" + parent + "_' || to_char((" + time +
                                ") AT TIME ZONE 'UTC', '" + suffix + "')) IS NOT NULL") == "t";
    };
    const auto day_there = [&](const std::string& ago) {
        return there("stream_quality_metrics", day + " - interval '" + ago + "'", "YYYYMMDD");
    };
    const auto hour_there = [&](const std::string& ago) {
        return there("stream_quality_reports", hour + " - interval '" + ago + "'", "YYYYMMDDHH24");
    };
    REQUIRE(day_there("100 days"));
    // As after a long time without the service.
    database.execute(
        std::string("DROP TABLE stream_quality_metrics_")
            .append(database.execute("SELECT to_char((" + day +
                                     " + interval '3 days') AT TIME ZONE 'UTC', 'YYYYMMDD')")));
    RunningApi api(database.url(), {{"QUALITY_RETENTION_DAYS", "3"}});
    // A table that is busy is left for the next run.
    eventually("what is old is gone", [&] {
        api.client().post("/internal/jobs/stream_cleanup/run");
        return !day_there("100 days") && !day_there("8 days") && !day_there("4 days") &&
               !hour_there("5 hours");
    });
    eventually("what was missing is there", [&] { return day_there("-3 days"); });
    CHECK(day_there("3 days"));
    CHECK(hour_there("2 hours"));
    CHECK(hour_there("-4 hours"));
    CHECK(std::stoi(partitions("stream_quality_metrics_%")) >= 5);
}

TEST_CASE("a missing partition costs nobody a window") {
    QualityHouse house;
    house.enter(anna);
    REQUIRE(house.report(anna, {window_json(1, 1)}).status == 202);
    // Which makes what is missing as well, and not again for most of a minute.
    eventually("the job has run", [&] {
        return house.sql("SELECT result FROM background_jobs WHERE job_type = 'stream_cleanup'") ==
               "success";
    });
    house.database.execute(
        "DO $$ DECLARE part text; BEGIN FOR part IN SELECT c.relname FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent IN"
        " ('stream_quality_metrics'::regclass, 'stream_quality_reports'::regclass)"
        " LOOP EXECUTE format('DROP TABLE %I', part); END LOOP; END $$");
    const Answer answer = house.report(anna, {window_json(2, 1)});
    REQUIRE(answer.status == 202);
    CHECK(joined(answer.json()["accepted"]) == "2");
    CHECK(house.collect()["metrics_recorded"].GetInt64() == 1);
}

TEST_CASE("what ended sessions were remembered for is forgotten") {
    QualityHouse house;
    house.enter(anna);
    REQUIRE(house.report(anna, {window_json(1, 1)}).status == 202);
    house.collect();
    CHECK(house.sql("SELECT count(*) FROM stream_quality_progress") == "1");
    house.sql("UPDATE stream_sessions SET ended_at = now() - interval '2 hours'");
    eventually("it is forgotten", [&] {
        house.api.client().post("/internal/jobs/stream_cleanup/run");
        return house.sql(
                   "SELECT (SELECT count(*) FROM stream_quality_progress) +"
                   " (SELECT count(*) FROM stream_quality_collections)") == "0";
    });
    CHECK(house.sql("SELECT count(*) FROM stream_quality_metrics") == "1");
}
