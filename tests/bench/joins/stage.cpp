#include "bench/joins/stage.hpp"

#include <sstream>
#include <stdexcept>

namespace subcults::bench {

namespace {

const std::string host = "did:plc:host";

// Tokens need a LiveKit to be named, not to be there: nothing listens on the port of discard.
test::Process::Environment livekit_that_is_away() {
    return {{"LIVEKIT_URL", "ws://127.0.0.1:9"},
            {"LIVEKIT_API_KEY", "bench"},
            {"LIVEKIT_API_SECRET", std::string(32, 'l')}};
}

}  // namespace

Stage::Stage()
    : database_(test::TestDatabase::migrated()), api_(database_.url(), livekit_that_is_away()) {
    if (::clock_getcpuclockid(api_.process().pid(), &cpu_clock_) != 0) {
        throw std::runtime_error("the kernel does not say what a process has used");
    }
    create_streams();
    add_sessions_for_others();
    for (std::size_t i = 0; i < users; ++i)
        tokens_.push_back(test::RunningApi::token("did:plc:listener" + std::to_string(i)));
}

void Stage::create_streams() {
    database_.execute(
        "INSERT INTO scenes (id, uri, owner_did, rev, name)"
        " SELECT gen_random_uuid(), 'at://" +
        host + "/tv.subcult.scene/' || n, '" + host +
        "', '3mptbypluud2a', 'Basement' FROM generate_series(1, " +
        std::to_string(spread_streams + 1) + ") n");
    std::istringstream scenes(database_.execute("SELECT string_agg(id::text, ' ') FROM scenes"));
    auto client = api_.client();
    const test::Headers headers = test::RunningApi::as(host);
    for (std::string scene; scenes >> scene;) {
        const auto created = client.post("/streams", headers, "{\"scene_id\":\"" + scene + "\"}");
        if (created.status != 201) throw std::runtime_error("no stream: " + created.body);
        streams_.emplace_back(created.json()["id"].GetString());
    }
}

// Ids that a script can make from a number; the chains of these are not the API's to continue.
void Stage::add_sessions_for_others() const {
    database_.execute(
        "INSERT INTO stream_sessions (id, room_name, host_did, scene_id, started_at, head_seq,"
        " head_hash, head_at, kid) SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))"
        "::uuid, 'room-' || n, '" +
        host + "', gen_random_uuid(), now(), 1, sha256(''), now(), 0 FROM generate_series(1, " +
        std::to_string(spread_streams) + ") n");
    database_.execute("ANALYZE");
}

double Stage::cpu_seconds() const {
    timespec spent{};
    if (::clock_gettime(cpu_clock_, &spent) != 0) throw std::runtime_error("the API has ended");
    return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

void Stage::checkpoint() const {
    database_.execute("CHECKPOINT");
}

std::uint64_t Stage::stored_joins() const {
    return std::stoull(
        database_.execute("SELECT sum(join_count) FROM stream_sessions WHERE kid <> 0"));
}

}  // namespace subcults::bench
