// bench_trust [--rounds N] [--scenes N]: see docs/development.md, "Benches".
//
// A graph of N scenes with ten memberships and two alliances each, on average: computed as a whole
// by the API's own code, in turn with one bare statement over the same rows that sums and stores
// and asks for nothing else; then one scene at a time, from the commit of a mark to the commit of
// the score, through schedule, lease and notification.
#include "bench/result.hpp"
#include "jobs/runner.hpp"
#include "metrics/catalogue.hpp"
#include "support/asio_test.hpp"
#include "support/postgres.hpp"
#include "trust/trust_scores.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace subcults::bench {
namespace {

namespace asio = boost::asio;
using test::TestDatabase;

struct Options {
    double seconds = 3;  // taken like every bench's; the size of the graph decides here
    int rounds = 3;
    int scenes = 100'000;
};

constexpr int single_scenes = 50;
constexpr double job_limit_seconds = 30;
constexpr double reaction_limit_ms = 100;
constexpr std::chrono::minutes patience{10};

double seconds_since(SteadyClock::time_point begun) {
    return std::chrono::duration<double>(SteadyClock::now() - begun).count();
}

// Members of a scene lie scattered over the table, as they come in over time.
void fill(const TestDatabase& database, int scenes) {
    const std::string n = std::to_string(scenes);
    const std::string scene_uri = "'at://did:plc:o' || s % 5000 || '/app.subcult.scene/' || s";
    database.execute(
        "SELECT setseed(0.5);"
        "INSERT INTO scenes (id, uri, owner_did, rev, name) SELECT md5('s' || s)::uuid, " +
        scene_uri + ", 'did:plc:o' || s % 5000, '3k', 'scene' FROM generate_series(1, " + n +
        ") s;"
        "INSERT INTO memberships (id, uri, author_did, rev, scene_uri, scene_id, member_did, role,"
        " status, weight) SELECT md5('m' || i)::uuid, 'at://did:plc:o' || s % 5000 ||"
        " '/app.subcult.membership/' || i, 'did:plc:o' || s % 5000, '3k' || lpad(i::text, 8, "
        "'0'), " +
        scene_uri +
        ", md5('s' || s)::uuid, 'did:plc:m' || (random() * 200000)::int,"
        " (ARRAY['owner', 'curator', 'member', 'guest'])[1 + i % 4],"
        " (ARRAY['active', 'active', 'active', 'pending'])[1 + i / 4 % 4], (random() * 100)::int"
        " FROM (SELECT i, 1 + floor(random() * " +
        n + ")::int AS s FROM generate_series(1, 10 * " + n +
        ") i) x;"
        "INSERT INTO alliances (id, uri, author_did, rev, from_scene_uri, from_scene_id,"
        " to_scene_uri, status, weight) SELECT md5('a' || i)::uuid, 'at://did:plc:o' || s % 5000 ||"
        " '/app.subcult.alliance/' || i, 'did:plc:o' || s % 5000, '3k' || lpad(i::text, 8, '0'), " +
        scene_uri +
        ", md5('s' || s)::uuid, 'at://did:plc:x/app.subcult.scene/' || i, 'active',"
        " (random() * 100)::int FROM (SELECT i, 1 + floor(random() * " +
        n + ")::int AS s FROM generate_series(1, 2 * " + n +
        ") i) x;"
        "INSERT INTO background_jobs (job_type, epoch) VALUES ('trust_recompute', 1)");
    database.execute("ANALYZE");
}

db::PoolOptions pool_options(const TestDatabase& database) {
    db::PoolOptions pool;
    pool.connection.uri = database.url();
    pool.connection.application_name = "bench_trust";
    pool.connection.settings = api::trust_settings();
    pool.connection.statements = jobs::fence_statements();
    for (const db::Statement& statement : api::TrustRecompute::statements())
        pool.connection.statements.push_back(statement);
    pool.size = 1;
    return pool;
}

double whole_graph(const TestDatabase& database, int scenes, Log& log) {
    database.execute("TRUNCATE trust_scores");
    database.execute("CHECKPOINT");
    jobs::Run run("trust_recompute", 1, jobs::Cause::schedule, deadline_in(patience));
    double taken = 0;
    const auto body = [&](asio::any_io_executor executor) -> asio::awaitable<void> {
        db::Pool pool(executor, pool_options(database));
        pool.start();
        api::TrustRecompute trust(pool, log);
        const auto begun = SteadyClock::now();
        co_await trust.run(run);
        taken = seconds_since(begun);
        pool.stop();
    };
    test::run(body, patience);
    if (!run.failures().empty()) throw std::runtime_error(run.failures().front().detail);
    if (database.execute("SELECT count(*) FROM trust_scores") != std::to_string(scenes))
        throw std::runtime_error("not every scene has a score");
    return taken;
}

// No duplicates looked for, nobody hidden, nothing in batches.
double bare_statement(const TestDatabase& database) {
    database.execute("TRUNCATE trust_scores");
    database.execute("CHECKPOINT");
    const auto begun = SteadyClock::now();
    database.execute(
        "INSERT INTO trust_scores SELECT s.id, coalesce(m.product, 0) * coalesce(a.weight, 1),"
        " coalesce(a.weight, 1), m.weight, m.multiplier, coalesce(a.count, 0),"
        " coalesce(m.count, 0), now() FROM scenes s"
        " LEFT JOIN (SELECT scene_id, count(*) AS count, avg(weight / 100.0::float8) AS weight,"
        " avg(r.multiplier) AS multiplier, avg(weight / 100.0::float8 * r.multiplier) AS product"
        " FROM memberships JOIN (VALUES ('owner', 1.0::float8), ('curator', 0.8), ('member', 0.5),"
        " ('guest', 0.3)) AS r(role, multiplier) USING (role) WHERE status = 'active'"
        " GROUP BY scene_id) m ON m.scene_id = s.id"
        " LEFT JOIN (SELECT from_scene_id, count(*) AS count, avg(weight / 100.0::float8) AS weight"
        " FROM alliances WHERE status = 'active' GROUP BY from_scene_id) a"
        " ON a.from_scene_id = s.id");
    return seconds_since(begun);
}

std::vector<double> single_marks(const TestDatabase& database, Log& log) {
    asio::io_context io(1);
    metrics::Registry registry(metrics::Scope::api);
    db::Pool pool(io.get_executor(), pool_options(database));
    api::TrustRecompute trust(pool, log);
    jobs::RunnerOptions options;
    options.database_uri = database.url();
    jobs::JobRunner runner(io, std::move(options), registry, log);
    jobs::Job job;
    job.type = "trust_recompute";
    job.schedule.channel = "subcults_trust";
    job.work = [&trust](jobs::Run& run) { return trust.run(run); };
    runner.add(std::move(job));
    pool.start();
    runner.start();
    const auto& computed =
        registry.get(metrics::catalogue::background_jobs_total, {"trust_recompute", "success"});
    const auto wait_beyond = [&](std::uint64_t runs) {
        const auto end = SteadyClock::now() + std::chrono::seconds(60);
        while (computed.value() <= runs) {
            if (SteadyClock::now() >= end) throw std::runtime_error("a mark was not worked off");
            io.run_one_for(std::chrono::milliseconds(1));
        }
    };
    wait_beyond(0);
    std::vector<double> times;
    for (int i = 1; i <= single_scenes; ++i) {
        const std::uint64_t before = computed.value();
        database.execute(
            std::string("INSERT INTO trust_dirty VALUES (md5('s").append(std::to_string(i)) +
            "')::uuid, 1, now(), pg_current_xact_id()); NOTIFY subcults_trust");
        const auto committed = SteadyClock::now();
        wait_beyond(before);
        times.push_back(seconds_since(committed) * 1e3);
    }
    if (database.execute("SELECT count(*) FROM trust_dirty") != "0")
        throw std::runtime_error("marks are left");
    pool.stop();
    return times;
}

void run(const Options& options) {
    Log log("bench_trust", LogLevel::off);
    const TestDatabase database = TestDatabase::migrated();
    progress(fmt::format("making {} scenes", options.scenes));
    fill(database, options.scenes);
    std::vector<double> rates;
    std::vector<double> seconds;
    std::vector<double> bare;
    for (int round = 0; round < options.rounds; ++round) {
        const bool first = round % 2 == 0;
        if (!first) bare.push_back(bare_statement(database));
        seconds.push_back(whole_graph(database, options.scenes, log));
        if (first) bare.push_back(bare_statement(database));
        rates.push_back(options.scenes / seconds.back());
        progress(fmt::format("the graph: {:.2f} s, bare {:.2f} s", seconds.back(), bare.back()));
    }
    const double bare_seconds = summarise(bare).median;

    BenchResult rate;
    rate.name = "trust_scenes";
    rate.unit = "scenes/s";
    rate.value = summarise(rates);
    rate.reference = options.scenes / bare_seconds;
    print(rate);

    BenchResult whole;
    whole.name = "trust_graph";
    whole.unit = "s";
    whole.value = summarise(seconds);
    whole.reference = bare_seconds;
    aim_below(whole, job_limit_seconds);
    print(whole);

    const std::vector<double> times = single_marks(database, log);
    for (const auto& [name, part] :
         {std::pair("trust_mark_p50", 0.5), std::pair("trust_mark_p99", 0.99)}) {
        BenchResult reaction;
        reaction.name = name;
        reaction.unit = "ms";
        reaction.value = summarise({quantile(times, part)});
        aim_below(reaction, reaction_limit_ms);
        print(reaction);
    }
}

}  // namespace
}  // namespace subcults::bench

int main(int argc, char** argv) {
    CLI::App app("Measures how fast trust is computed, as a whole and scene by scene.");
    subcults::bench::Options options;
    app.add_option("--seconds", options.seconds, "no use here");
    app.add_option("--rounds", options.rounds, "rounds of each")->check(CLI::Range(1, 100));
    app.add_option("--scenes", options.scenes, "size of the graph")
        ->check(CLI::Range(100, 1'000'000));
    CLI11_PARSE(app, argc, argv);
    try {
        subcults::bench::run(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_trust: %s\n", error.what());
        return 1;
    }
    return 0;
}
