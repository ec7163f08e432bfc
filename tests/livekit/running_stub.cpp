#include "livekit/running_stub.hpp"

#include <stdexcept>

namespace subcults::test {

RunningStub::RunningStub(std::uint16_t port) {
    process_ = std::make_unique<Process>(
        std::vector<std::string>{program("livekit-stub"), "--listen",
                                 "127.0.0.1:" + std::to_string(port), "--api-key", api_key,
                                 "--api-secret", api_secret},
        Process::Environment{});
    port_ = process_->listening_port();
}

Process::Environment RunningStub::environment() const {
    return {{"LIVEKIT_URL", url()},
            {"LIVEKIT_API_KEY", api_key},
            {"LIVEKIT_API_SECRET", api_secret},
            {"LIVEKIT_RECONCILE_SECONDS", "1"}};
}

void RunningStub::report_to(std::uint16_t api_port, int retry_ms) {
    control("webhooks", "{\"url\":\"http://127.0.0.1:" + std::to_string(api_port) +
                            "/internal/livekit/webhook\",\"retry_ms\":" + std::to_string(retry_ms) +
                            "}");
}

rapidjson::Document RunningStub::control(std::string_view action, std::string_view body) {
    HttpClient client(port_);
    const Answer answer = client.post("/control/" + std::string(action), {}, body);
    if (answer.status != 200) {
        throw std::runtime_error("the stub refuses " + std::string(action) + ": " + answer.body);
    }
    return answer.json();
}

unsigned RunningStub::try_control(std::string_view action, std::string_view body) {
    HttpClient client(port_);
    return client.post("/control/" + std::string(action), {}, body).status;
}

rapidjson::Document RunningStub::state() {
    HttpClient client(port_);
    return client.get("/control/state").json();
}

std::uint64_t RunningStub::calls(const std::string& method) {
    const rapidjson::Document now = state();
    const auto& calls = now["calls"];
    return calls.HasMember(method) ? calls[method].GetUint64() : 0;
}

std::vector<RunningStub::Traced> RunningStub::traced(const std::string& method) const {
    HttpClient client(port_);
    const rapidjson::Document all = client.get("/control/traces").json();
    std::vector<Traced> calls;
    for (const auto& call : all["calls"].GetArray()) {
        if (call["method"].GetString() != method) continue;
        Traced traced;
        traced.traceparent = call["traceparent"].GetString();
        traced.tracestate = call["tracestate"].GetString();
        calls.push_back(std::move(traced));
    }
    return calls;
}

bool RunningStub::has_room(const std::string& room) {
    return state()["rooms"].HasMember(room);
}

bool RunningStub::has(const std::string& room, const std::string& identity) {
    const rapidjson::Document now = state();
    const auto& rooms = now["rooms"];
    return rooms.HasMember(room) && rooms[room].HasMember(identity);
}

}  // namespace subcults::test
