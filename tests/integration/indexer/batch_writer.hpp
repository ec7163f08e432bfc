// Writes batches into a real database just as the indexer's writer does, without a process and a
// socket around it, and shows what has become of the tables.
#pragma once

#include "db/connection.hpp"
#include "project/fold.hpp"
#include "support/postgres.hpp"
#include "unit/indexer/items.hpp"
#include "write/batch_pipeline.hpp"

#include <boost/asio/io_context.hpp>

#include <span>
#include <string>
#include <vector>

namespace subcults::test {

// A point of a test's time, in seconds from its beginning: stamps and revisions fit each other.
std::int64_t stamp(double seconds);
std::string rev_at(double seconds);

struct Written {
    std::int64_t upserts = 0;
    std::int64_t marks = 0;  // scenes marked for trust
    std::size_t quarantined = 0;
    std::size_t events = 0;
};

class BatchWriter {
  public:
    explicit BatchWriter(const TestDatabase& database);

    // Throws std::runtime_error when the database refuses.
    Written write(std::span<const indexer::QueueItem> items);
    // The same events out of quarantine, which these fingerprints leave.
    Written retry(std::span<const indexer::QueueItem> items, std::vector<Digest256> resolved);
    template <class... Items>
    Written write_items(Items... items) {
        const auto all = list(std::move(items)...);
        return write(all);
    }

  private:
    Written run(const indexer::FoldedBatch& batch, indexer::BatchPipeline made);

    boost::asio::io_context io_;
    indexer::Projector projector_;
    db::Connection connection_;
};

// Everything the tables say, clocks of the database and counters of sightings aside: equal texts =
// equal state. Trust marks are left out: they say how something came about.
std::string content(const TestDatabase& database);

// Changes with every row that is so much as rewritten. Cursor and quarantine, which note that they
// have seen something again, are left out.
std::string versions(const TestDatabase& database);

}  // namespace subcults::test
