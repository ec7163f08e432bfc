// Collecting: who is in the room, what they have reported, what becomes of it.
//
// A collection asks LiveKit who is there (hidden participants, recorders and agents left out); when
// there is no LiveKit to answer, the session's own participants are the roster, and the answer says
// so. Then, in one transaction under the lock of the session's row in stream_quality_collections:
// read what is new, decide (collection.hpp), write one measurement per measured participant.
// Metrics move and episodes are logged after the commit. Collections of one session, of whichever
// replica, take turns, so each window is collected at most once; where the fate of a COMMIT is
// unknown, nothing is counted.
//
// Threading: belongs to one single-threaded io_context; several collections may be under way.
// Cost: one call to LiveKit and three round trips to the database per session.
#pragma once

#include "base/log.hpp"
#include "base/trace_context.hpp"
#include "db/pool.hpp"
#include "jobs/job.hpp"
#include "livekit/alarm.hpp"
#include "livekit/room_service.hpp"
#include "quality/collection.hpp"
#include "quality/quality_metrics.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>
#include <vector>

namespace subcults::api::quality {

enum class RosterSource : std::uint8_t { livekit, database };
std::string_view to_string(RosterSource source) noexcept;

struct CollectionReport {
    RosterSource roster = RosterSource::livekit;
    std::size_t participants = 0;
    std::size_t recorded = 0;
    std::size_t alerts = 0;
    UnixMicros at;
    std::vector<std::string> stale;
    std::vector<std::string> missing;
};

enum class CollectFault : std::uint8_t {
    not_found,        // no such session
    ended,            // it is over: nobody is there any more
    unavailable,      // database trouble; nothing happened
    outcome_unknown,  // the connection broke during COMMIT
    failed,           // an error of ours
};
using CollectResult = Result<CollectionReport, CollectFault>;

class Collector {
  public:
    // `rooms` is null where no LiveKit is configured. With `attributes`, windows are also taken
    // from the participants' attribute `aq`, in rooms that are small enough for that.
    Collector(boost::asio::any_io_executor executor, db::Pool& pool, livekit::RoomService* rooms,
              bool attributes, QualityMetrics metrics, Log& log);

    boost::asio::awaitable<CollectResult> collect(Uuid session, TraceContext trace);
    // The body of the job quality_collection: every active session with something new, some at a
    // time, those first that have waited longest. When the run is cancelled, no further session is
    // begun; what is under way ends by itself within some seconds.
    boost::asio::awaitable<void> collect_all(jobs::Run& run);

    static std::vector<db::Statement> statements();

  private:
    struct Session {
        Uuid id;
        std::string room_name;
        TraceContext trace;
    };
    struct Roster {
        RosterSource source = RosterSource::livekit;
        std::vector<RosterEntry> entries;
    };
    // Shared by the lanes of one collect_all(), which they may outlive.
    struct Round {
        explicit Round(boost::asio::any_io_executor executor) : finished(std::move(executor)) {}
        std::vector<Session> sessions;
        std::size_t next = 0;
        std::size_t running = 0;
        std::size_t failed = 0;
        bool over = false;  // nobody waits for it any more
        livekit::Alarm finished;
    };

    struct Ending {
        explicit Ending(Round& ended) : round(ended) {}
        ~Ending() { round.over = true; }
        Ending(const Ending&) = delete;
        Ending& operator=(const Ending&) = delete;
        Round& round;
    };

    using TransactResult = Result<Collected, CollectFault>;

    boost::asio::awaitable<CollectResult> collect_from(Session session);
    boost::asio::awaitable<Result<Roster, CollectFault>> roster_of(Session session, UnixMicros now);
    boost::asio::awaitable<TransactResult> transact(Uuid session, const Roster& roster,
                                                    UnixMicros now);
    boost::asio::awaitable<TransactResult> write(db::Connection& connection, Uuid session,
                                                 Collected collected, UnixMicros now);
    boost::asio::awaitable<void> lane(std::shared_ptr<Round> round);
    boost::asio::awaitable<void> roll_back(db::Connection& connection);
    boost::asio::awaitable<db::DbResult<db::Rows>> ask(db::Statement statement, db::Params params);
    CollectFault fault_of(const db::Error& error);
    void tell(const Uuid& session, const Collected& collected);

    boost::asio::any_io_executor executor_;
    db::Pool& pool_;
    livekit::RoomService* rooms_;
    bool attributes_;
    QualityMetrics metrics_;
    Log& log_;
    LogLimit log_limit_;
};

}  // namespace subcults::api::quality
