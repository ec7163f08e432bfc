// A stream of did:plc:host, with its API and its LiveKit.
#pragma once

#include "integration/api/running_api.hpp"
#include "livekit/running_stub.hpp"

#include <string>

namespace subcults::test {

// The API is told nothing, unless a test has LiveKit report to it: what it knows comes from asking.
struct Scenario {
    static inline const std::string owner = "did:plc:host";

    explicit Scenario(Process::Environment extra = {})
        : database(TestDatabase::migrated()), api(database.url(), with(std::move(extra))) {
        stream = create_stream(database, api, owner);
        room = database.execute("SELECT room_name FROM stream_sessions");
    }
    Process::Environment with(Process::Environment extra) {
        Process::Environment all = livekit.environment();
        for (auto& [name, value] : extra)
            all[name] = value;
        return all;
    }
    std::string token(const std::string& did) {
        const Answer answer =
            api.client().post("/streams/" + stream + "/token", RunningApi::as(did));
        return answer.json()["token"].GetString();
    }
    std::string connect(const std::string& did) { return connect_with(token(did)); }
    std::string connect_with(const std::string& token) {
        return livekit.control("connect", "{\"token\":\"" + token + "\"}")["identity"].GetString();
    }
    std::string who(const std::string& identity) const {
        return "{\"room\":\"" + room + "\",\"identity\":\"" + identity + "\"}";
    }
    std::string present(const std::string& identity) const {
        return database.execute(
            "SELECT joined_at IS NOT NULL AND left_at IS NULL FROM stream_participants"
            " WHERE participant_id = '" +
            identity + "'");
    }
    std::string participant_path(const std::string& id, const std::string& action) const {
        return "/streams/" + stream + "/participants/" + id + "/" + action;
    }
    bool outbox_empty() const {
        return database.execute("SELECT count(*) FROM livekit_outbox") == "0";
    }

    TestDatabase database;
    RunningStub livekit;
    RunningApi api;
    std::string stream;
    std::string room;
};

}  // namespace subcults::test
