// A stream whose participants report their audio, with the stub LiveKit as the roster.
#pragma once

#include "base/time.hpp"
#include "integration/api/running_api.hpp"
#include "livekit/running_stub.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::test {

// One window of a report, in JSON. `fields` begins with a comma, or is empty.
inline std::string window_json(std::int64_t seq, double seconds_ago,
                               const std::string& fields = ",\"packet_loss_percent\":0.5") {
    const auto ago = static_cast<std::int64_t>(seconds_ago * 1e6);
    return std::string("{\"seq\":").append(std::to_string(seq)) + ",\"measured_at\":\"" +
           format_rfc3339(UnixMicros{now_micros().value - ago}) +
           "\",\"window_ms\":10000,\"direction\":\"uplink\"" + fields + "}";
}

inline std::string report_json(const std::vector<std::string>& windows) {
    std::string list;
    for (const std::string& window : windows)
        list += (list.empty() ? "" : ",") + window;
    return "{\"windows\":[" + list + "]}";
}

// The texts or numbers of an array of an answer, joined by blanks.
inline std::string joined(const rapidjson::Value& list) {
    std::vector<std::string> items;
    for (const auto& item : list.GetArray()) {
        items.push_back(item.IsString() ? std::string(item.GetString())
                                        : std::to_string(item.GetInt64()));
    }
    std::string text;
    for (const std::string& item : items)
        text += (text.empty() ? "" : " ") + item;
    return text;
}

struct QualityHouse {
    static inline const std::string host = "did:plc:host";

    explicit QualityHouse(Process::Environment extra = {})
        : database(TestDatabase::migrated()), api(database.url(), with(std::move(extra))) {
        livekit.report_to(api.port());
        stream = create_stream(database, api, host);
        room = database.execute("SELECT room_name FROM stream_sessions");
    }
    // Reconciliation would change who is there, periodic rounds when they are collected.
    Process::Environment with(Process::Environment extra) {
        Process::Environment all = livekit.environment();
        all["LIVEKIT_RECONCILE_SECONDS"] = "3600";
        all["QUALITY_COLLECT_INTERVAL_SECONDS"] = "0";
        for (auto& [name, value] : extra)
            all[name] = value;
        return all;
    }

    std::string path(const std::string& rest = {}) const {
        return "/streams/" + stream + "/quality-metrics" + rest;
    }
    // Gets a token and connects with it: the participant's id.
    std::string enter(const std::string& did, const std::string& more = {}) {
        const Answer token =
            api.client().post("/streams/" + stream + "/token", RunningApi::as(did));
        return livekit
            .control("connect",
                     std::string("{\"token\":\"").append(token.json()["token"].GetString()) + "\"" +
                         more + "}")["identity"]
            .GetString();
    }
    std::string who(const std::string& identity, const std::string& more = {}) const {
        return "{\"room\":\"" + room + "\",\"identity\":\"" + identity + "\"" + more + "}";
    }
    Answer report(const std::string& did, const std::vector<std::string>& windows) const {
        return api.client().post(path(), RunningApi::as(did), report_json(windows));
    }
    // Collects as the host; the answer's body.
    rapidjson::Document collect() const {
        const Answer answer = api.client().post(path("/collect"), RunningApi::as(host));
        if (answer.status != 200) throw std::runtime_error("not collected: " + answer.body);
        return answer.json();
    }
    std::string sql(const std::string& query) const { return database.execute(query); }
    double metric(std::string_view series) const { return api.metric(series); }

    TestDatabase database;
    RunningStub livekit;
    RunningApi api;
    std::string stream;
    std::string room;
};

}  // namespace subcults::test
