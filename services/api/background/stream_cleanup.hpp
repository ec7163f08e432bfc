// The body of the job stream_cleanup: what is over is ended, and what is out of date is deleted.
//
//   sessions        with nobody there for longer than the grace, and no token given out within it,
//                   are ended (by the ledger, which looks again under the session's lock). Rooms
//                   that LiveKit has closed end their sessions elsewhere (livekit/inbox.hpp).
//   participants    who said that they joined, were never seen by LiveKit and have said nothing
//                   more for half a day, are taken for gone
//   quality data    partitions are made ahead, old ones dropped; what ended sessions had to be
//                   remembered for is deleted
//   keys            Idempotency-Keys that are no longer honoured are deleted
//   tombstones      of records and their rows are deleted once nothing as old as they are can be
//                   delivered again; those of scenes stay, because streams go on naming them
//
// Every step goes on where the one before failed. Each run does a bounded amount, and a run that
// has left something over asks for nothing: the next one comes soon enough.
//
// Threading: the pool's. Cost when there is nothing to do: some look-ups by index.
#pragma once

#include "base/log.hpp"
#include "db/pool.hpp"
#include "jobs/job.hpp"
#include "livekit/ledger_desk.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <string_view>
#include <vector>

namespace subcults::api {

struct CleanupOptions {
    std::chrono::seconds empty_grace{300};
    std::int64_t quality_retention_days = 7;
    // Whether it is known who is there: not while LiveKit is configured and cannot be reached.
    std::function<bool()> presence_known;
};

class StreamCleanup {
  public:
    StreamCleanup(db::Pool& pool, livekit::LedgerDesk& desk, CleanupOptions options, Log& log);

    boost::asio::awaitable<void> run(jobs::Run& run);

    static std::vector<db::Statement> statements();

  private:
    boost::asio::awaitable<void> end_empty_sessions(jobs::Run& run);
    boost::asio::awaitable<void> close_stale_participants(jobs::Run& run);
    boost::asio::awaitable<void> roll_partitions(jobs::Run& run);
    boost::asio::awaitable<void> prune(jobs::Run& run, db::Statement statement, UnixMicros before);
    boost::asio::awaitable<void> submit(jobs::Run& run, std::vector<Command> commands,
                                        std::string_view what);

    db::Pool& pool_;
    livekit::LedgerDesk& desk_;
    CleanupOptions options_;
    Log& log_;
};

}  // namespace subcults::api
