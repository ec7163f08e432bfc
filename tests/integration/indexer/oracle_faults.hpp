// Faults that hit a running indexer, each of which returns only when it has provably happened.
#pragma once

#include "integration/indexer/oracle_world.hpp"
#include "integration/indexer/running_indexer.hpp"
#include "support/postgres.hpp"

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace subcults::test {

// One indexer, one server, one database, and what has been fed so far.
class OracleRun {
  public:
    OracleRun(const OracleWorld& world, TestPostgres& server, TestDatabase& database,
              RunningSim& sim, std::uint64_t seed);

    // Publishes the next `count` frames, or what is left.
    void feed(std::size_t count);
    bool fed() const noexcept { return fed_ == world_.frames.size(); }

    void start(Process::Environment extra = {});
    void ensure_running();
    // SIGKILL, if it runs.
    void kill();
    RunningIndexer& indexer() { return *indexer_; }
    bool running() { return indexer_ != nullptr && indexer_->process().running(); }

    // The committed cursor, Unix microseconds; 0 = none.
    std::int64_t cursor() const;
    void wait_for_progress();
    void wait_until_done();

    // A number in [0, below).
    std::size_t draw(std::size_t below) { return random_() % below; }

    const OracleWorld& world() const noexcept { return world_; }
    TestPostgres& server() noexcept { return server_; }
    TestDatabase& database() noexcept { return database_; }
    RunningSim& sim() noexcept { return sim_; }
    std::string crash_report() const;
    // The end of what the indexer has logged.
    std::string last_words() const;

  private:
    const OracleWorld& world_;
    TestPostgres& server_;
    TestDatabase& database_;
    RunningSim& sim_;
    std::minstd_rand random_;
    TemporaryDirectory directory_;
    std::unique_ptr<RunningIndexer> indexer_;
    std::size_t fed_ = 0;
};

struct Fault {
    std::string name;
    std::function<void(OracleRun&)> inject;  // throws when it does not happen in time
};

// Makes the database able to pause within a batch and within COMMIT.
void install_pauses(const TestDatabase& database);

// Every named crash point of the indexer.
std::vector<Fault> crash_faults();
// Everything else that can go wrong between it, its server and its database.
std::vector<Fault> outside_faults();

}  // namespace subcults::test
