// Reports of audio quality: who may, what is stored, what is refused.
#include "integration/api/quality_house.hpp"

#include "base/uuid.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <set>
#include <thread>

using namespace subcults;
using namespace subcults::test;

namespace {

const std::string listener = "did:plc:secretlistener";
const std::string windows_accepted = "stream_quality_windows_total{outcome=\"accepted\"}";

std::string reasons(const Answer& answer) {
    std::string text;
    const rapidjson::Document body = answer.json();
    for (const auto& rejection : body["rejected"].GetArray()) {
        text += (text.empty() ? "" : ", ") + std::to_string(rejection["index"].GetInt64()) + " " +
                rejection["reason"].GetString();
        if (rejection["field"].IsString())
            text += std::string(" ") + rejection["field"].GetString();
    }
    return text;
}

}  // namespace

TEST_CASE("a report is stored window by window, and its answer says what became of each") {
    QualityHouse house;
    const std::string id = house.enter(listener);
    const Answer answer = house.report(
        listener, {window_json(1, 12, ",\"bitrate_kbps\":31.5,\"jitter_ms\":4.25,\"rtt_ms\":48"),
                   window_json(2, 2, ",\"packet_loss_percent\":100.5"),
                   window_json(3, 2, ",\"audio_level\":0,\"muted\":true"), window_json(4, 700),
                   window_json(5, -90), window_json(6, 1, ",\"jitter_ms\":null"), "\"window\""});
    REQUIRE(answer.status == 202);
    CHECK(joined(answer.json()["accepted"]) == "1 3");
    CHECK(joined(answer.json()["duplicates"]).empty());
    CHECK(reasons(answer) ==
          "1 out_of_range packet_loss_percent, 3 too_old measured_at, 4 in_the_future measured_at, "
          "5 nothing_measured, 6 not_an_object");
    CHECK(house.sql("SELECT count(*) FROM stream_quality_reports") == "2");
    CHECK(house.sql("SELECT concat_ws(' ', participant_id, bitrate_kbps, jitter_ms, rtt_ms,"
                    " packet_loss_percent IS NULL, audio_level IS NULL, uplink, muted, late)"
                    " FROM stream_quality_reports WHERE seq = 1") ==
          id + " 31.5 4.25 48 t t t f f");
    // Null is not zero, and zero is not null.
    CHECK(house.sql("SELECT concat_ws(' ', audio_level, bitrate_kbps IS NULL, muted)"
                    " FROM stream_quality_reports WHERE seq = 3") == "0 t t");
    CHECK(house.sql("SELECT count(*) FROM stream_quality_reports t"
                    " WHERE t::text LIKE '%secretlistener%'") == "0");
    CHECK(house.metric(windows_accepted) == 2);
    CHECK(house.metric("stream_quality_windows_total{outcome=\"rejected\"}") == 5);
    // A report alone is no measurement yet.
    CHECK(house.metric("stream_audio_bitrate_kbps_count") == 0);
    CHECK(house.api.process().output().find("secretlistener") == std::string::npos);
}

TEST_CASE("of windows of one direction within a second only the first is stored") {
    QualityHouse house;
    house.enter(listener);
    const Answer answer = house.report(listener, {window_json(1, 20), window_json(2, 19.5),
                                                  window_json(3, 19), window_json(4, 10)});
    REQUIRE(answer.status == 202);
    // One after the other made, so a second is a second and something.
    CHECK(joined(answer.json()["accepted"]) == "1 3 4");
    CHECK(reasons(answer) == "1 too_dense measured_at");
    CHECK(house.sql("SELECT count(*) FROM stream_quality_reports") == "3");
}

TEST_CASE("a replay is ignored, with other numbers or times too, by every replica") {
    QualityHouse house;
    house.enter(listener);
    const std::string first = report_json({window_json(7, 5, ",\"jitter_ms\":1")});
    auto client = house.api.client();
    REQUIRE(client.post(house.path(), RunningApi::as(listener), first).status == 202);
    RunningApi other(house.database.url(), house.with({}));
    for (const std::string& again : {first, report_json({window_json(7, 4, ",\"jitter_ms\":2")}),
                                     report_json({window_json(7, 300, ",\"jitter_ms\":3")})}) {
        for (RunningApi* api : {&house.api, &other}) {
            const Answer answer = api->client().post(house.path(), RunningApi::as(listener), again);
            CHECK(answer.status == 202);
            CHECK(joined(answer.json()["duplicates"]) == "7");
            CHECK(joined(answer.json()["accepted"]).empty());
        }
    }
    CHECK(house.sql("SELECT jitter_ms FROM stream_quality_reports") == "1");
    // Within one request the first counts.
    const Answer twice = house.report(
        listener, {window_json(8, 3, ",\"jitter_ms\":8"), window_json(8, 2, ",\"jitter_ms\":9")});
    CHECK(joined(twice.json()["accepted"]) == "8");
    CHECK(joined(twice.json()["duplicates"]) == "8");
    CHECK(house.sql("SELECT jitter_ms FROM stream_quality_reports WHERE seq = 8") == "8");
    // Numbers are everybody's own.
    const std::string someone = "did:plc:someone";
    house.enter(someone);
    CHECK(joined(house.report(someone, {window_json(7, 1)}).json()["accepted"]) == "7");
}

TEST_CASE("the same window from many sides at once is stored once") {
    QualityHouse house;
    house.enter(listener);
    RunningApi other(house.database.url(), house.with({}));
    const std::string body = report_json({window_json(1, 3), window_json(2, 2)});
    std::atomic<int> accepted{0};
    std::atomic<int> odd{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 8; ++i) {
        clients.emplace_back([&, i] {
            HttpClient client(i % 2 == 0 ? house.api.port() : other.port());
            for (int n = 0; n < 10; ++n) {
                const Answer answer = client.post(house.path(), RunningApi::as(listener), body);
                if (answer.status != 202) {
                    ++odd;
                    continue;
                }
                accepted += static_cast<int>(answer.json()["accepted"].Size());
            }
        });
    }
    for (std::thread& client : clients)
        client.join();
    CHECK(odd == 0);
    CHECK(accepted == 2);
    CHECK(house.sql("SELECT count(*) FROM stream_quality_reports") == "2");
}

TEST_CASE("only who takes part may report") {
    QualityHouse house;
    auto client = house.api.client();
    CHECK(house.report("did:plc:stranger", {window_json(1, 1)}).status == 403);
    CHECK(house.sql("SELECT count(*) FROM stream_quality_reports") == "0");
    CHECK(client
              .post("/streams/" + uuid_v7().to_string() + "/quality-metrics",
                    RunningApi::as(listener), report_json({window_json(1, 1)}))
              .status == 404);
    // The host takes part by being it.
    CHECK(house.report(QualityHouse::host, {window_json(1, 1)}).status == 202);
    // Without LiveKit's help, by joining.
    const std::string joiner = "did:plc:joiner";
    REQUIRE(client.post("/streams/" + house.stream + "/join", RunningApi::as(joiner)).status ==
            200);
    CHECK(house.report(joiner, {window_json(1, 1)}).status == 202);

    SECTION("who was kicked may not") {
        const std::string id = house.enter(listener);
        REQUIRE(house.report(listener, {window_json(1, 1)}).status == 202);
        REQUIRE(client
                    .post("/streams/" + house.stream + "/participants/" + id + "/kick",
                          RunningApi::as(QualityHouse::host))
                    .status == 200);
        const Answer kicked = house.report(listener, {window_json(2, 0)});
        CHECK(kicked.status == 403);
        CHECK(kicked.error_code() == "kicked");
    }
    SECTION("who has left may deliver what was measured before, and nothing newer") {
        REQUIRE(client.post("/streams/" + house.stream + "/leave", RunningApi::as(joiner)).status ==
                200);
        const Answer both = house.report(joiner, {window_json(2, 30), window_json(3, -5)});
        CHECK(both.status == 202);
        CHECK(joined(both.json()["accepted"]) == "2");
        CHECK(reasons(both) == "1 not_present");
        CHECK(house.report(joiner, {window_json(4, -5)}).status == 403);
        // A newer token announces a join that nobody has told of yet.
        REQUIRE(client.post("/streams/" + house.stream + "/token", RunningApi::as(joiner)).status ==
                200);
        CHECK(joined(house.report(joiner, {window_json(4, -5)}).json()["accepted"]) == "4");
    }
    SECTION("nobody may after the end") {
        REQUIRE(client.post("/streams/" + house.stream + "/end", RunningApi::as(QualityHouse::host))
                    .status == 200);
        const Answer late = house.report(joiner, {window_json(5, 30)});
        CHECK(late.status == 409);
        CHECK(late.error_code() == "conflict");
    }
}

TEST_CASE("a body that is no report is refused, and harms nothing") {
    QualityHouse house;
    house.enter(listener);
    auto client = house.api.client();
    const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    const std::vector<std::string> bad = {"",
                                          "{}",
                                          "[]",
                                          "null",
                                          "{\"windows\":[]}",
                                          "{\"windows\":{}}",
                                          "{\"windows\":[{}],\"x\":1}",
                                          "{\"windows\":[{}],\"windows\":[{}]}",
                                          "{\"windows\":[{}]",
                                          "{\"windows\":[{\"seq\":1e999}]}",
                                          "{\"windows\":[{\"direction\":\"\xff\"}]}",
                                          std::string("{\"windows\":[{}]}") + '\0',
                                          deep,
                                          "{\"windows\":" + deep + deep};
    for (const std::string& body : bad) {
        INFO(body.substr(0, 60));
        CHECK(client.post(house.path(), RunningApi::as(listener), body).status == 400);
    }
    std::vector<std::string> many(65, window_json(1, 1));
    CHECK(house.report(listener, many).status == 400);
    many.pop_back();
    CHECK(house.report(listener, many).status == 202);
    // Without a judge between: it could not bear what the service has to.
    HttpClient plain(house.api.port());
    const Answer nested =
        plain.post(house.path(), RunningApi::as(listener), report_json({deep, window_json(2, 1)}));
    CHECK(nested.status == 202);
    CHECK(joined(nested.json()["accepted"]) == "2");
    CHECK(client.post(house.path(), {}, report_json({window_json(3, 1)})).status == 401);
    CHECK(client.request("PUT", house.path(), RunningApi::as(listener)).status == 405);
    CHECK(house.api.process().running());
    CHECK(client.get("/metrics").body.find("status=\"500\"") == std::string::npos);
}

TEST_CASE("reports have a limit of their own per user") {
    QualityHouse house(Process::Environment{{"API_RATE_LIMIT_QUALITY_PER_MINUTE", "3"}});
    house.enter(listener);
    for (int i = 0; i < 3; ++i)
        CHECK(house.report(listener, {window_json(i, 1)}).status == 202);
    const Answer refused = house.report(listener, {window_json(4, 1)});
    CHECK(refused.status == 429);
    CHECK_FALSE(refused.header("Retry-After").empty());
    CHECK(house.report(QualityHouse::host, {window_json(1, 1)}).status == 202);
    CHECK(house.metric("rate_limit_rejected_total{class=\"quality_reports\"}") == 1);
}

TEST_CASE("without a database reports are refused with a time to come back, and then taken") {
    TestPostgres server;
    const TestDatabase database(server.url());
    Process migrate({program("subcults-api"), "migrate"}, RunningApi::environment(database.url()));
    REQUIRE(migrate.wait() == 0);
    RunningApi api(database.url(), {{"QUALITY_COLLECT_INTERVAL_SECONDS", "0"}});
    const std::string stream = create_stream(database, api, QualityHouse::host);
    const std::string path = "/streams/" + stream + "/quality-metrics";
    auto client = api.client();
    const auto report = [&](std::int64_t seq) {
        return client.post(path, RunningApi::as(QualityHouse::host),
                           report_json({window_json(seq, 1)}));
    };
    REQUIRE(report(1).status == 202);
    server.stop(TestPostgres::Stop::immediate);
    const Answer refused = report(2);
    CHECK(refused.status == 503);
    CHECK_FALSE(refused.header("Retry-After").empty());
    server.start();
    eventually("reports are taken again", [&] { return report(2).status == 202; });
    CHECK(database.execute("SELECT string_agg(seq::text, ' ' ORDER BY seq)"
                           " FROM stream_quality_reports") == "1 2");
}

TEST_CASE("what was acknowledged is there after the API was killed") {
    QualityHouse house;
    house.enter(listener);
    std::atomic<bool> enough{false};
    std::set<std::int64_t> acknowledged;
    std::thread client([&] {
        HttpClient http(house.api.port());
        for (std::int64_t seq = 1; !enough; ++seq) {
            try {
                const Answer answer = http.post(house.path(), RunningApi::as(listener),
                                                report_json({window_json(seq, 1)}));
                if (answer.status == 202) acknowledged.insert(seq);
            } catch (const std::exception&) {
                return;  // killed
            }
        }
    });
    eventually("some are there", [&] {
        return std::stoi(house.sql("SELECT count(*) FROM stream_quality_reports")) > 20;
    });
    house.api.process().kill();
    enough = true;
    client.join();
    // The last one may have been committed and not answered.
    REQUIRE(acknowledged.size() >= 20);
    for (const std::int64_t seq : acknowledged) {
        INFO(seq);
        CHECK(house.sql(std::string("SELECT count(*) FROM stream_quality_reports WHERE seq = ")
                            .append(std::to_string(seq))) == "1");
    }
}
