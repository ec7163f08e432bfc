// The crash oracle: whatever hits it on the way, the indexer ends at the state that the stream
// says.
//
// As a test, every planned fault once, in an order that the seed decides. For longer:
//   SUBCULTS_SOAK_MINUTES=N   goes on with new worlds and new orders until the time is up
//   SUBCULTS_SEED=S           the first seed (default 1); printed with every round
#include "integration/indexer/database_fold.hpp"
#include "integration/indexer/oracle_faults.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

using namespace subcults::test;

namespace {

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TestDatabase migrated_in(const TestPostgres& server) {
    TestDatabase database(server.url());
    Process migrate({program("subcults-api"), "migrate"}, {{"DATABASE_URL", database.url()}});
    REQUIRE(migrate.wait() == 0);
    database.execute(refuse_in);
    return database;
}

// What a table says, without the times at which it was written.
std::multiset<std::string> content(const TestDatabase& database, const std::string& table) {
    const std::string rows = database.execute(
        "SELECT coalesce(json_agg(r), '[]') FROM (SELECT ((to_jsonb(t)"
        " - ARRAY['indexed_at', 'updated_at', 'since', 'deleted_at', 'first_seen', 'last_seen',"
        " 'seen']) || jsonb_build_object('gone', to_jsonb(t)->>'deleted_at' IS NOT NULL))::text"
        " AS r FROM " +
        table + " t) x");
    rapidjson::Document document;
    document.Parse(rows.data(), rows.size());
    std::multiset<std::string> found;
    for (const auto& row : document.GetArray())
        found.insert(row.GetString());
    return found;
}

// Rows in one and not in the other.
std::vector<std::string> difference(const std::multiset<std::string>& one,
                                    const std::multiset<std::string>& other) {
    std::vector<std::string> different;
    std::set_symmetric_difference(one.begin(), one.end(), other.begin(), other.end(),
                                  std::back_inserter(different));
    return different;
}

void play_undisturbed(const OracleWorld& world, TestPostgres& server, TestDatabase& database) {
    const TemporaryDirectory directory;
    RunningSim sim({"--file", write_lines(directory.path() / "events", world.frames)});
    OracleRun run(world, server, database, sim, 1);
    run.start();
    eventually(
        "everything is committed", [&] { return run.cursor() >= world.last_us; },
        std::chrono::seconds(120));
}

constexpr const char* tables[] = {"records",  "scenes",          "events",
                                  "posts",    "alliances",       "memberships",
                                  "accounts", "hidden_accounts", "quarantined_events"};

void play_round(std::uint64_t seed) {
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    const OracleWorld world = make_world(seed, 150, 12'000);
    TestPostgres server;
    TestDatabase database = migrated_in(server);
    install_pauses(database);
    RunningSim sim({"--shuffle-window", "64", "--shuffle-seed", std::to_string(seed)});
    OracleRun run(world, server, database, sim, seed);

    // A consumer without a cursor begins live: it has to be there before the first frame.
    run.start();
    eventually("it is connected", [&] { return sim.stat("subscribers") == 1; });
    run.wait_for_progress();

    std::vector<Fault> faults = crash_faults();
    CHECK(faults.size() >= 10);
    for (Fault& fault : outside_faults())
        faults.push_back(std::move(fault));
    std::minstd_rand order(static_cast<std::minstd_rand::result_type>(seed));
    std::shuffle(faults.begin(), faults.end(), order);
    for (const Fault& fault : faults) {
        INFO("seed " << seed << ", " << fault.name);
        REQUIRE_FALSE(run.fed());  // a fault with nothing left to process would prove nothing
        try {
            fault.inject(run);
        } catch (const std::exception& error) {
            FAIL(error.what() << "\n" << run.last_words());
        }
    }
    run.wait_until_done();
    CHECK(sim.stat("reordered") > 0);
    CHECK(sim.stat("repeated") > 0);

    // Against a fold that is computed here, and against an indexer that nothing happened to.
    CHECK(differences(database, fold_frames(world.frames_for_fold())) == 0);
    TestDatabase calm = migrated_in(server);
    play_undisturbed(world, server, calm);
    for (const char* table : tables) {
        INFO("seed " << seed << ", table " << table);
        const auto expected = content(calm, table);
        CHECK_FALSE(expected.empty());
        const auto different = difference(expected, content(database, table));
        CHECK(different.size() == 0);
        if (!different.empty()) WARN(different.front());
    }
    CHECK(database.execute("SELECT count(*) FROM quarantined_events"
                           " WHERE reason = 'rejected_by_database'") ==
          std::to_string(world.count(FrameKind::refused)));
    CHECK(database.execute("SELECT count(*) FROM quarantined_events"
                           " WHERE reason = 'malformed_json'") ==
          std::to_string(world.count(FrameKind::malformed)));
}

}  // namespace

TEST_CASE("whatever hits it, the indexer ends at the fold of the stream") {
    const auto minutes = number_from_environment("SUBCULTS_SOAK_MINUTES", 0);
    std::uint64_t seed = number_from_environment("SUBCULTS_SEED", 1);
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(minutes);
    do {
        play_round(seed++);
    } while (std::chrono::steady_clock::now() < end);
}
