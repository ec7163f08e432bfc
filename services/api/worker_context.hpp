// What one worker thread's handlers share: nothing in it is used by another thread, except
// ledger and audit writer, which are made for that.
#pragma once

#include "audit/audit_writer.hpp"
#include "audit/privacy_keys.hpp"
#include "base/log.hpp"
#include "cache/read_cache.hpp"
#include "db/pool.hpp"
#include "streams/ledger.hpp"
#include "streams/stream_metrics.hpp"

#include <cstddef>

namespace subcults::api {

struct WorkerContext {
    std::size_t index;  // the worker's position among the ledger's executors
    db::Pool& pool;
    PrivacyKeys& keys;
    Ledger& ledger;
    AuditWriter& audit;
    StreamMetrics& metrics;
    ReadCache& cache;
    Log& log;
};

}  // namespace subcults::api
