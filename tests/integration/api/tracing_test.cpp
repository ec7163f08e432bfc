// Traces of requests: from the caller's header to log lines and to what LiveKit is asked.
#include "base/trace_context.hpp"
#include "integration/api/livekit_scenario.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

using namespace subcults;
using namespace subcults::test;

namespace {

const std::string host = "did:plc:host";
const std::string listener = "did:plc:listener";
const std::string trace = "0af7651916cd43dd8448eb211c80319c";
const std::string span = "b7ad6b7169203331";
const std::string state = "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE";

// Nothing but what a test orders is asked of LiveKit, and every request has its line.
const Process::Environment quiet{{"LOG_LEVEL", "debug"},
                                 {"LIVEKIT_RECONCILE_SECONDS", "3600"},
                                 {"QUALITY_COLLECT_INTERVAL_SECONDS", "0"}};

Headers traced(const std::string& did, const std::string& request_id) {
    Headers headers = RunningApi::as(did);
    headers.emplace_back("X-Request-ID", request_id);
    headers.emplace_back("traceparent", "00-" + trace + "-" + span + "-01");
    headers.emplace_back("tracestate", state);
    return headers;
}

// The first line of the log with this event whose field has this value.
std::optional<rapidjson::Document> log_line(RunningApi& api, const std::string& event,
                                            const std::string& field, const std::string& value) {
    std::istringstream lines(api.process().output());
    for (std::string line; std::getline(lines, line);) {
        rapidjson::Document document;
        document.Parse(line.c_str());
        if (document.HasParseError() || !document.IsObject()) continue;
        if (!document.HasMember("event") || !document.HasMember(field.c_str())) continue;
        if (document["event"].GetString() != event) continue;
        if (document[field.c_str()].GetString() == value) return document;
    }
    return std::nullopt;
}

// What LiveKit was asked in the callers' trace.
std::vector<TraceParent> calls_in_trace(const Scenario& scenario, const std::string& method) {
    std::vector<TraceParent> calls;
    for (const RunningStub::Traced& call : scenario.livekit.traced(method)) {
        INFO(method << " " << call.traceparent);
        const auto parent = TraceParent::parse(call.traceparent);
        REQUIRE(parent.has_value());
        if (parent->trace_text() != trace) continue;
        CHECK(parent->flags == TraceParent::sampled);
        CHECK(parent->span_text() != span);
        CHECK(call.tracestate == state);
        calls.push_back(*parent);
    }
    return calls;
}

}  // namespace

TEST_CASE("what a request orders of LiveKit is done in its trace, and the log says so") {
    Scenario scenario(quiet);
    const std::string id = scenario.connect(listener);
    REQUIRE(scenario.api.client()
                .post(scenario.participant_path(id, "kick"), traced(host, "the-kick"))
                .status == 200);
    const auto request = log_line(scenario.api, "request", "request_id", "the-kick");
    REQUIRE(request.has_value());
    CHECK((*request)["trace_id"].GetString() == trace);
    const std::string own_span = (*request)["span_id"].GetString();
    CHECK(own_span.size() == 16);
    CHECK(own_span != span);

    eventually("LiveKit has put the listener out",
               [&] { return !scenario.livekit.has(scenario.room, id); });
    const auto calls = calls_in_trace(scenario, "RemoveParticipant");
    REQUIRE(calls.size() == 1);
    CHECK(calls[0].span_text() != own_span);
    eventually("the call has its line", [&] {
        return log_line(scenario.api, "livekit call", "span_id", calls[0].span_text()).has_value();
    });
    const auto call = log_line(scenario.api, "livekit call", "span_id", calls[0].span_text());
    CHECK((*call)["trace_id"].GetString() == trace);
    CHECK((*call)["method"].GetString() == std::string("RemoveParticipant"));
    // What tracing systems tell each other is for nobody else, nor is the caller's span.
    CHECK(scenario.api.process().output().find("congo") == std::string::npos);
    CHECK(scenario.api.process().output().find(span) == std::string::npos);
}

TEST_CASE("each attempt to carry out an order is a span of its own in the order's trace") {
    Scenario scenario(quiet);
    scenario.connect(listener);
    scenario.livekit.fault(
        "{\"method\":\"DeleteRoom\",\"kind\":\"twirp\",\"status\":503,"
        "\"code\":\"unavailable\",\"times\":2}");
    REQUIRE(scenario.api.client()
                .post("/streams/" + scenario.stream + "/end", traced(host, "the-end"))
                .status == 200);
    eventually("the room is gone", [&] { return !scenario.livekit.has_room(scenario.room); });
    const auto calls = calls_in_trace(scenario, "DeleteRoom");
    CHECK(calls.size() == 3);
    std::set<std::string> spans;
    for (const TraceParent& call : calls)
        spans.insert(call.span_text());
    CHECK(spans.size() == 3);
}

TEST_CASE("another process that carries out an order goes on with its trace") {
    Scenario scenario(quiet);
    scenario.connect(listener);
    scenario.livekit.fault("{\"method\":\"DeleteRoom\",\"kind\":\"status\",\"status\":502}");
    REQUIRE(scenario.api.client()
                .post("/streams/" + scenario.stream + "/end", traced(host, "the-end"))
                .status == 200);
    eventually("it was tried", [&] { return scenario.livekit.calls("DeleteRoom") >= 1; });
    scenario.api.process().kill();
    const std::size_t before = calls_in_trace(scenario, "DeleteRoom").size();
    CHECK(before >= 1);
    scenario.livekit.control("clear");
    scenario.database.execute("UPDATE livekit_outbox SET next_attempt_at = now()");
    Process::Environment environment = scenario.livekit.environment();
    environment["LIVEKIT_RECONCILE_SECONDS"] = "3600";
    RunningApi next(scenario.database.url(), environment);
    eventually("nothing is left to do", [&] { return scenario.outbox_empty(); });
    CHECK_FALSE(scenario.livekit.has_room(scenario.room));
    CHECK(calls_in_trace(scenario, "DeleteRoom").size() > before);
}

TEST_CASE("a collection on request asks LiveKit in the trace of the request") {
    Scenario scenario(quiet);
    scenario.connect(listener);
    REQUIRE(scenario.api.client()
                .post("/streams/" + scenario.stream + "/quality-metrics/collect",
                      traced(host, "the-collection"))
                .status == 200);
    const auto asked = scenario.livekit.traced("ListParticipants");
    CHECK(std::any_of(asked.begin(), asked.end(), [](const RunningStub::Traced& call) {
        return call.traceparent.starts_with("00-" + trace + "-") && call.tracestate == state;
    }));
}

TEST_CASE("what the service asks of LiveKit by itself has traces of its own") {
    Scenario scenario;
    eventually("LiveKit was asked several times",
               [&] { return scenario.livekit.traced("ListRooms").size() >= 3; });
    std::set<std::string> traces;
    const auto calls = scenario.livekit.traced("ListRooms");
    for (const RunningStub::Traced& call : calls) {
        INFO(call.traceparent);
        const auto parent = TraceParent::parse(call.traceparent);
        REQUIRE(parent.has_value());
        CHECK(parent->header() == call.traceparent);
        CHECK(call.tracestate.empty());
        traces.insert(parent->trace_text());
    }
    CHECK(traces.size() > 1);
}

TEST_CASE("a trace that is not right is no error, and never gets into the log") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url(), {{"LOG_LEVEL", "debug"}});
    const std::string good = "00-" + trace + "-" + span + "-01";
    const std::vector<std::vector<std::string>> cases{
        {},
        {"evil\",\"trace_id\":\"forged"},
        {"00-" + trace + "-" + span + "-01-evil"},
        {"ff-" + trace + "-" + span + "-01"},
        {"00-" + std::string(32, '0') + "-" + span + "-01"},
        {good, good},
        {"evil", good},
        {std::string(4000, 'e')},
    };
    std::set<std::string> traces;
    auto client = api.client();
    for (std::size_t i = 0; i < cases.size(); ++i) {
        INFO("case " << i);
        const std::string request_id = "case-" + std::to_string(i);
        Headers headers = RunningApi::as(listener);
        headers.emplace_back("X-Request-ID", request_id);
        headers.emplace_back("tracestate", "evil=1");
        for (const std::string& value : cases[i])
            headers.emplace_back("traceparent", value);
        const Answer answer = client.get("/streams", headers);
        CHECK(answer.status == 200);
        CHECK(answer.header("X-Request-ID") == request_id);
        CHECK(answer.header("traceparent").empty());
        const auto line = log_line(api, "request", "request_id", request_id);
        REQUIRE(line.has_value());
        const std::string id = (*line)["trace_id"].GetString();
        const std::string own_span = (*line)["span_id"].GetString();
        CHECK(TraceParent::parse("00-" + id + "-" + own_span + "-00").has_value());
        CHECK(id != trace);
        traces.insert(id);
    }
    CHECK(traces.size() == cases.size());
    const std::string log = api.process().output();
    CHECK(log.find("evil") == std::string::npos);
    CHECK(log.find("forged") == std::string::npos);
    CHECK(log.find(span) == std::string::npos);
}
