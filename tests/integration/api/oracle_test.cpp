// The crash oracle of sessions: whatever hits API and database, nobody was told of a join that is
// not there, nothing is there twice, and nothing is half there.
//
// As a test, every planned fault once, in an order that the seed decides, and some kills. For
// longer:
//   SUBCULTS_SOAK_MINUTES=N   goes on with new streams, new orders and far more kills until the
//                             time is up
//   SUBCULTS_SEED=S           the first seed (default 1); printed with every round
#include "integration/api/oracle_faults.hpp"
#include "integration/api/oracle_judge.hpp"
#include "integration/api/running_api.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

using namespace subcults::test;

namespace {

constexpr std::size_t stream_count = 8;
constexpr std::size_t client_count = 24;
constexpr std::size_t host_count = 3;
constexpr std::size_t scene_count = 20'000;
const std::string host = "did:plc:host";

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TestDatabase migrated_in(const TestPostgres& server) {
    TestDatabase database(server.url());
    Process migrate({program("subcults-api"), "migrate"}, {{"DATABASE_URL", database.url()}});
    REQUIRE(migrate.wait() == 0);
    return database;
}

// The last one is locked.
std::vector<std::string> make_streams(const TestDatabase& database) {
    RunningApi api(database.url(), oracle_environment(database.url()));
    std::vector<std::string> streams;
    for (std::size_t i = 0; i < stream_count; ++i)
        streams.push_back(create_stream(database, api, host));
    const Answer locked = api.client().request("PATCH", "/streams/" + streams.back() + "/lock",
                                               RunningApi::as(host), "{\"locked\":true}");
    REQUIRE(locked.status == 200);
    return streams;
}

// For hosts to start streams for.
std::vector<std::string> make_scenes(const TestDatabase& database) {
    database.execute(
        "INSERT INTO scenes (id, uri, owner_did, rev, name) SELECT gen_random_uuid(),"
        " 'at://oracle/' || i, '" +
        host + "', '3mptbypluud2a', 'Basement' FROM generate_series(1, " +
        std::to_string(scene_count) + ") i");
    std::istringstream ids(database.execute(
        "SELECT string_agg(id::text, ' ') FROM scenes WHERE uri LIKE 'at://oracle/%'"));
    std::vector<std::string> scenes;
    for (std::string id; ids >> id;)
        scenes.push_back(id);
    return scenes;
}

void require_nothing(const std::vector<std::string>& complaints) {
    for (std::size_t i = 0; i < std::min<std::size_t>(complaints.size(), 10); ++i)
        WARN(complaints[i]);
    REQUIRE(complaints.size() == 0);
}

// The product's own verifier, over every chain.
void verify_chains(const TestDatabase& database) {
    Process verify({program("subcults-api"), "audit", "verify"},
                   RunningApi::environment(database.url()));
    const int status = verify.wait(std::chrono::minutes(2));
    INFO(verify.output());
    REQUIRE(status == 0);
}

struct Tally {
    std::uint64_t faults = 0;
    std::uint64_t kills = 0;
    std::uint64_t restarts = 0;
    std::uint64_t acknowledged = 0;
};

Tally play_round(std::uint64_t seed, std::size_t kills) {
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    TestPostgres server;
    TestDatabase database = migrated_in(server);
    const std::vector<std::string> streams = make_streams(database);
    install_pauses(database);
    OracleClients clients(streams, make_scenes(database), host, client_count, host_count, seed);
    OracleJudge judge(database, streams);
    OracleRun run(server, database, clients, seed);

    std::vector<Fault> faults = crash_faults();
    CHECK(faults.size() >= 8);
    for (Fault& fault : outside_faults())
        faults.push_back(std::move(fault));
    for (std::size_t i = 0; i < kills; ++i)
        faults.push_back(i % 8 == 7 ? crash_database() : kill_at_random());
    std::minstd_rand order(static_cast<std::minstd_rand::result_type>(seed));
    std::shuffle(faults.begin(), faults.end(), order);
    for (const Fault& fault : faults) {
        INFO("seed " << seed << ", " << fault.name);
        const std::uint64_t before = clients.counts().acknowledged;
        try {
            fault.inject(run);
            // Each fault has successes after it, which must not cover up what went before.
            run.ensure_running();
            run.wait_for_answers(20);
            run.settle();
        } catch (const std::exception& error) {
            FAIL(error.what() << "\n" << run.last_words());
        }
        CHECK(clients.counts().acknowledged.load() > before);
        require_nothing(judge.examine(clients.take_finished()));
    }

    clients.stop();
    require_nothing(judge.examine(clients.take_finished()));
    require_nothing(judge.examine_the_undecided());
    run.kill();
    verify_chains(database);

    // What the round was for has happened.
    const OracleCounts& counts = clients.counts();
    CHECK(judge.confirmed() == counts.acknowledged.load());
    CHECK(counts.replayed.load() > 0);
    CHECK(counts.created.load() > faults.size());
    CHECK(run.kills() > 0);
    CHECK(run.database_restarts() > 0);
    CHECK(counts.refused_locked.load() > 0);
    CHECK(counts.unavailable.load() > 0);
    CHECK(counts.outcome_unknown.load() > 0);
    CHECK(counts.unanswered.load() > 0);
    CHECK(judge.silent_and_done() > 0);
    CHECK(judge.silent_and_not_done() > 0);
    // The API answers within its own deadlines, whatever its database does.
    CHECK(counts.timed_out.load() == 0);
    return {faults.size(), run.kills(), run.database_restarts(), counts.acknowledged};
}

}  // namespace

TEST_CASE("whatever hits API and database, what was acknowledged is there, once and whole") {
    const auto minutes = number_from_environment("SUBCULTS_SOAK_MINUTES", 0);
    std::uint64_t seed = number_from_environment("SUBCULTS_SEED", 1);
    const std::size_t kills = minutes == 0 ? 10 : 200;
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(minutes);
    Tally total;
    do {
        const Tally round = play_round(seed++, kills);
        total.faults += round.faults;
        total.kills += round.kills;
        total.restarts += round.restarts;
        total.acknowledged += round.acknowledged;
        std::printf(
            "%llu faults (%llu kills of the API, %llu restarts of the database),"
            " %llu answers confirmed\n",
            static_cast<unsigned long long>(total.faults),
            static_cast<unsigned long long>(total.kills),
            static_cast<unsigned long long>(total.restarts),
            static_cast<unsigned long long>(total.acknowledged));
        std::fflush(stdout);
    } while (std::chrono::steady_clock::now() < end);
}
