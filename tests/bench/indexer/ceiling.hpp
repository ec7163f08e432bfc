// What PostgreSQL can do at most with the indexer's statement: libpq and nothing else around it.
// The same batches, parameters in binary, one transaction and one round trip per batch, cursor
// included, parameters encoded before the clock runs.
//
// Blocks; errors are std::runtime_error with the server's words.
#pragma once

#include "db/params.hpp"
#include "sim/generator.hpp"

#include <libpq-fe.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace subcults::bench {

struct EncodedBatch {
    db::Params records;
    std::size_t rows = 0;
    std::int64_t last_time_us = 0;
};

// Rows in the order in which the indexer writes them.
std::vector<EncodedBatch> encode(std::span<const sim::GeneratedEvent> events, std::size_t batch);

class BareWriter {
  public:
    // With the settings of the indexer's writing connection.
    explicit BareWriter(const std::string& url);

    // Writes and commits all batches; rows per second over all but the first twentieth.
    double rows_per_second(std::span<const EncodedBatch> batches);
    // One row, one commit: seconds each.
    std::vector<double> single_commits(std::span<const EncodedBatch> single_rows);

    // First value of the first row; empty for none.
    std::string value(const char* sql);

  private:
    void write(const EncodedBatch& batch);
    void send(const char* prepared, const db::Params& params);
    void expect(ExecStatusType status);

    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

}  // namespace subcults::bench
