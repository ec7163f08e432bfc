// What one worker keeps in memory of the database, for reads that many clients repeat: the state of
// sessions, who owns a scene, trust. For showing only: no join, no token and no other change is
// decided from it (the ledger reads what it decides by under its locks).
//
// A change of this process is known before it is answered, so clients of one replica read what they
// wrote. A change of another process comes by notification within milliseconds, and at the latest
// max_age after it nobody is served what was before it (cache_invalidation.hpp).
//
// Threading: the worker's. Memory: up to CacheLimits::capacity values of each kind, some 0.5 kB
// each.
#pragma once

#include "cache/cached_reads.hpp"
#include "cache/scene_owner.hpp"
#include "db/pool.hpp"
#include "metrics/registry.hpp"
#include "streams/stream_queries.hpp"
#include "trust/trust_scores.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace subcults::api {

class ReadCache {
  public:
    // `pool` and `stamps` must outlive it.
    ReadCache(boost::asio::any_io_executor executor, db::Pool& pool, CacheLimits limits,
              const CacheStamps& stamps, metrics::Registry& registry);

    boost::asio::awaitable<CachedReads<StreamView>::Answer> stream(Uuid id, Deadline deadline);
    // null = unknown.
    boost::asio::awaitable<CachedReads<TrustAnswer>::Answer> trust(Uuid scene, Deadline deadline);
    boost::asio::awaitable<CachedReads<SceneOwner>::Answer> owner(Uuid scene, Deadline deadline);

  private:
    CachedReads<StreamView> streams_;
    CachedReads<TrustAnswer> trust_;
    CachedReads<SceneOwner> owners_;
};

}  // namespace subcults::api
