// The indexer under measurement: a process of its own, watched from outside through its metrics
// and the processor time that the kernel has booked on it.
#pragma once

#include "base/time.hpp"
#include "bench/feed/server.hpp"
#include "integration/indexer/running_indexer.hpp"

#include <time.h>

#include <memory>
#include <string>

namespace subcults::bench {

struct Options {
    double seconds = 3;  // of measuring, per round and side
    int rounds = 5;
};

struct Reading {
    double value = 0;  // of the series
    double cpu_seconds = 0;
    SteadyClock::time_point at;
};

class Subject {
  public:
    Subject(const test::TestDatabase& database, const std::string& jetstream_url,
            test::Process::Environment extra);

    // A look at one series. Costs the indexer a scrape: not to be done hundreds of times a second.
    Reading read(const std::string& series);
    double cpu_seconds() const;

  private:
    test::RunningIndexer indexer_;
    test::HttpClient client_;
    clockid_t cpu_clock_{};
};

// Gives the processor away for about so long.
void rest(std::chrono::microseconds time);

// Waits until `condition`; throws std::runtime_error with `what` when minutes were not enough.
template <class Condition>
void wait_for(const std::string& what, Condition condition,
              std::chrono::milliseconds between = std::chrono::milliseconds(20)) {
    test::eventually(
        what,
        [&] {
            if (condition()) return true;
            rest(between);
            return false;
        },
        std::chrono::minutes(3));
}

// Nothing of the previous round is written during the next one.
void checkpoint(const test::TestDatabase& database);

// The benches. Each prints its results.
void bench_discard(const Options& options);
void bench_discard_compressed(const Options& options);
void bench_rows(const Options& options);
void bench_latency(const Options& options);

}  // namespace subcults::bench
