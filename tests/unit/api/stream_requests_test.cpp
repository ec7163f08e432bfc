#include "streams/stream_requests.hpp"
#include "streams/join_latency.hpp"
#include "streams/stream_json.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace subcults;
using namespace subcults::api;

namespace {

class FakeRequest final : public net::Request {
  public:
    net::Method method() const noexcept override { return net::Method::get; }
    std::string_view path() const noexcept override { return "/streams"; }
    std::string_view body() const noexcept override { return {}; }
    std::optional<std::string_view> header(std::string_view name) const noexcept override {
        const auto found = headers.find(name);
        if (found == headers.end()) return std::nullopt;
        return std::string_view(found->second);
    }
    std::size_t header_count(std::string_view name) const noexcept override {
        return headers.count(name);
    }
    const std::vector<std::pair<std::string, std::string>>& query() const override {
        return parameters;
    }
    std::string_view remote_address() const noexcept override { return "127.0.0.1"; }

    std::multimap<std::string, std::string, std::less<>> headers;
    std::vector<std::pair<std::string, std::string>> parameters;
};

}  // namespace

TEST_CASE("a join may say when its token was issued, in RFC 3339 only") {
    CHECK_FALSE(read_join("")->token_issued_at);
    CHECK_FALSE(read_join("{}")->token_issued_at);
    const auto given = read_join(R"({"token_issued_at":"2025-12-24T00:44:43Z"})");
    REQUIRE(given.has_value());
    CHECK(given->token_issued_at == parse_rfc3339("2025-12-24T00:44:43Z"));
    CHECK_FALSE(read_join(R"({"token_issued_at":"yesterday"})").has_value());
    CHECK_FALSE(read_join(R"({"token_issued_at":1766537083})").has_value());
    CHECK_FALSE(read_join(R"({"token_issued_at":null})").has_value());
    CHECK_FALSE(read_join(R"({"issued":"2025-12-24T00:44:43Z"})").has_value());
}

TEST_CASE("a stream is created for exactly one subject") {
    const std::string id = uuid_v7().to_string();
    const auto scene = read_create("{\"scene_id\":\"" + id + "\"}");
    REQUIRE(scene.has_value());
    CHECK(scene->kind == Subject::Kind::scene);
    CHECK(scene->id.to_string() == id);
    const auto event = read_create("{\"event_id\":\"" + id + "\"}");
    REQUIRE(event.has_value());
    CHECK(event->kind == Subject::Kind::event);
    CHECK_FALSE(read_create("{}").has_value());
    CHECK_FALSE(read_create("").has_value());
    CHECK_FALSE(
        read_create("{\"scene_id\":\"" + id + "\",\"event_id\":\"" + id + "\"}").has_value());
    CHECK_FALSE(read_create(R"({"scene_id":"not-a-uuid"})").has_value());
    CHECK_FALSE(read_create(R"({"scene_id":5})").has_value());
}

TEST_CASE("list parameters outside their range are refused with the range") {
    FakeRequest request;
    CHECK(read_list(request)->limit == 50);
    for (const char* bad : {"0", "101", "-1", "ten", "", "1e2", "5 ", "99999999999999999999"}) {
        INFO(bad);
        request.parameters = {{"limit", bad}};
        const auto list = read_list(request);
        REQUIRE_FALSE(list.has_value());
        CHECK(list.error().message.find("1 to 100") != std::string::npos);
    }
    request.parameters = {{"limit", "100"}, {"status", "ended"}};
    CHECK(read_list(request)->limit == 100);
    CHECK(read_list(request)->filter == StreamFilter::ended);
    request.parameters = {{"status", "live"}};
    CHECK_FALSE(read_list(request).has_value());
    request.parameters = {{"limit", "5"}, {"limit", "6"}};
    CHECK_FALSE(read_list(request).has_value());
    const std::string accented =
        "a\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
        "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9";
    request.parameters = {{accented, ""}, {accented, ""}};
    const auto twice = read_list(request);
    REQUIRE_FALSE(twice.has_value());
    // Thirty-two bytes would end within a character.
    CHECK(twice.error().message == "Parameter '" + accented.substr(0, 31) + "' appears twice.");
    request.parameters = {{"cursor", "x"}};
    CHECK_FALSE(read_list(request).has_value());
    request.parameters = {{"unrelated", "x"}};
    CHECK(read_list(request).has_value());
}

TEST_CASE("a cursor survives its encoding, and nothing else decodes") {
    StreamPosition position;
    position.started_at = UnixMicros{1'766'537'083'123'456};
    position.id = uuid_v7();
    const auto decoded = StreamPosition::decode(position.encode());
    REQUIRE(decoded.has_value());
    CHECK(decoded->started_at == position.started_at);
    CHECK(decoded->id == position.id);
    CHECK_FALSE(StreamPosition::decode(""));
    CHECK_FALSE(StreamPosition::decode(position.encode() + "A"));
    CHECK_FALSE(StreamPosition::decode(std::string(32, '_')));
    CHECK_FALSE(StreamPosition::decode(std::string(32, '!')));
}

TEST_CASE("an Idempotency-Key has 1 to 64 printable characters") {
    FakeRequest request;
    CHECK_FALSE((*read_idempotency_key(request)).has_value());
    for (const std::string& good : {std::string("a"), std::string(64, 'k')}) {
        request.headers = {{"Idempotency-Key", good}};
        CHECK((*read_idempotency_key(request)).value() == good);
    }
    for (const std::string& bad :
         {std::string(), std::string(65, 'k'), std::string("a b"), std::string("\xc3\xa9")}) {
        request.headers = {{"Idempotency-Key", bad}};
        CHECK_FALSE(read_idempotency_key(request).has_value());
    }
    request.headers = {{"Idempotency-Key", "a"}, {"Idempotency-Key", "b"}};
    CHECK_FALSE(read_idempotency_key(request).has_value());
}

TEST_CASE("a flag is true or false, named right, and alone") {
    CHECK(*read_flag(R"({"locked":true})", "locked"));
    CHECK_FALSE(*read_flag(R"( {"locked" : false} )", "locked"));
    for (const char* bad :
         {"", "{}", R"({"locked":"true"})", R"({"locked":1})", R"({"locked":null})",
          R"({"locked":{}})", R"({"muted":true})", R"({"locked":true,"x":1})", "true", "[]",
          R"({"locked":true,"locked":true})", R"({"locked":)", R"({"locked":true} x)"}) {
        INFO(bad);
        CHECK_FALSE(read_flag(bad, "locked").has_value());
    }
}

TEST_CASE("participant ids are recognised by their form") {
    PrivacyKeys keys({Secret(std::string(32, 'k'))});
    const std::string id = keys.participant_id(keys.current_kid(), uuid_v7(), "did:plc:a");
    CHECK(is_participant_id(id));
    std::string shouted = id;
    shouted[10] = 'A';
    CHECK_FALSE(is_participant_id(shouted));
    CHECK_FALSE(is_participant_id(id + "a"));
    CHECK_FALSE(is_participant_id(id.substr(1)));
    CHECK_FALSE(is_participant_id(""));
    CHECK_FALSE(is_participant_id("user-' OR 1=1 --aaaaaaaaaaaaaaa"));
}

TEST_CASE("a list of participants is asked for within its range") {
    FakeRequest request;
    CHECK(read_participants(request)->limit == 100);
    request.parameters = {{"limit", "1000"}, {"status", "present"}};
    CHECK(read_participants(request)->filter == ParticipantFilter::present);
    for (const auto& bad : std::vector<std::vector<std::pair<std::string, std::string>>>{
             {{"limit", "0"}},
             {{"limit", "1001"}},
             {{"limit", "many"}},
             {{"status", "gone"}},
             {{"cursor", "user-1"}},
             {{"limit", "5"}, {"limit", "5"}}}) {
        request.parameters = bad;
        CHECK_FALSE(read_participants(request).has_value());
    }
}

TEST_CASE("a join latency that cannot be is no sample") {
    const UnixMicros now{1'766'537'083'000'000};
    const auto at = [now](double seconds_ago) {
        return judge_join_latency(
            UnixMicros{now.value - static_cast<std::int64_t>(seconds_ago * 1e6)}, now);
    };
    CHECK(at(1.5).verdict == LatencyVerdict::sample);
    CHECK(at(1.5).seconds == Approx(1.5));
    CHECK(at(-5).verdict == LatencyVerdict::sample);
    CHECK(at(-5).seconds == 0.0);
    CHECK(at(-5.001).verdict == LatencyVerdict::future);
    CHECK(at(300).verdict == LatencyVerdict::sample);
    CHECK(at(300.001).verdict == LatencyVerdict::too_old);
}

TEST_CASE("answers have exactly the fields of the contract") {
    Outcome outcome;
    outcome.count = 5;
    outcome.room_name = "scene-123-1703376283";
    const Uuid id = *Uuid::parse("0190b6a0-0000-7000-8000-000000000001");
    CHECK(
        joined_json(id, outcome) ==
        R"({"stream_id":"0190b6a0-0000-7000-8000-000000000001","room_name":"scene-123-1703376283","join_count":5,"status":"joined"})");
    CHECK(
        left_json(id, outcome) ==
        R"({"stream_id":"0190b6a0-0000-7000-8000-000000000001","room_name":"scene-123-1703376283","leave_count":5,"status":"left"})");
    CHECK(stream_list_json({}, std::nullopt) == R"({"streams":[],"next_cursor":null})");
}
