// Keeps the workers' caches honest: tells other processes what this one has changed, and spoils
// what others have changed.
//
//   changed here          spoilt before the change is answered, then told to the others
//   by another API        by its message on `subcults_cache`, within milliseconds
//   by the indexer        on `subcults_trust`: trust and ownership of all scenes
//   connection new        everything is spoilt: nobody knows what was missed
//   connection silent     every five seconds a message of our own must come back; if it does not,
//                         everything is spoilt and the connection is made anew
//   all of that fails     CacheLimits::max_age bounds what is served
//
// The job cache_invalidation, which every process does for itself: a run is one application of what
// was heard together, or a probe that came back; a failed one is a loss of the connection or a
// probe that did not come back.
//
// Threading: changed_here() from any thread, the rest from that of `io`.
#pragma once

#include "base/log.hpp"
#include "cache/change_announcer.hpp"
#include "cache/invalidation_rules.hpp"
#include "db/listener.hpp"
#include "jobs/alarm.hpp"
#include "jobs/continuous.hpp"
#include "metrics/registry.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace subcults::api {

struct InvalidationOptions {
    std::string database_uri;  // a direct one
    std::function<void(std::string_view statement, double seconds)> on_query = {};
    std::chrono::milliseconds probe_every{5000};
    bool enabled = true;  // off: no connection is made, and nothing is told
};

class CacheInvalidation {
  public:
    // `stamps` must outlive it.
    CacheInvalidation(boost::asio::io_context& io, InvalidationOptions options, CacheStamps& stamps,
                      metrics::Registry& registry, Log& log);
    ~CacheInvalidation();
    CacheInvalidation(const CacheInvalidation&) = delete;
    CacheInvalidation& operator=(const CacheInvalidation&) = delete;

    void start();
    void stop() noexcept;

    // After the commit, before anybody is told of it.
    void sessions_changed(std::span<const Uuid> sessions);
    void trust_changed(std::span<const Uuid> scenes);

    // To be listed among the jobs.
    const jobs::ContinuousJob& job() const noexcept;

  private:
    void changed_here(const Changes& changes);

    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace subcults::api
