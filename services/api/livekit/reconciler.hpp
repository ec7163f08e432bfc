// One round of reconciliation: the active sessions, LiveKit's rooms and who is in them, and the
// repairs that follow (reconcile_rules.hpp).
//
// A room that LiveKit does not know although somebody has been in it is taken note of as finished
// (livekit_closings), so that its session ends after the grace even when the webhook was lost. A
// session nobody has ever connected to is left alone. When LiveKit cannot be asked, nothing
// changes.
//
// A token outlives its session, so an ended session's room may be brought back without a webhook to
// tell. Every few rounds all of LiveKit's rooms are listed, and those of ended sessions deleted;
// rooms that are none of ours are left alone.
//
// Cost per round: one list of rooms per 200 sessions and one list of participants per room with
// somebody in it, one after the other on one connection. Sessions are read page by page.
#pragma once

#include "base/log.hpp"
#include "db/pool.hpp"
#include "jobs/job.hpp"
#include "livekit/ledger_desk.hpp"
#include "livekit/livekit_metrics.hpp"
#include "livekit/reconcile_rules.hpp"
#include "livekit/room_service.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace subcults::api::livekit {

class Reconciler {
  public:
    Reconciler(db::Pool& pool, LedgerDesk& desk, RoomService& rooms, LiveKitMetrics& metrics,
               std::chrono::seconds empty_grace, Log& log);

    // The body of the job stream_reconciliation: one round. What kept it from being completed is
    // told to `run`, as an error of the database or of the network, or as LiveKit's refusal.
    boost::asio::awaitable<void> round(jobs::Run& run);
    // Reads how much waits in outbox and inbox.
    boost::asio::awaitable<void> measure();

    static std::vector<db::Statement> statements();

  private:
    struct Session {
        Uuid id;
        std::string room_name;
        UnixMicros started_at;
        std::int64_t active = 0;
        bool connected_ever = false;
    };
    using Listed = std::map<std::string, std::int64_t>;  // room -> participants

    // The next page of them, in the order of their starts.
    boost::asio::awaitable<std::optional<std::vector<Session>>> active_sessions(jobs::Run& run,
                                                                                UnixMicros started,
                                                                                Uuid id);
    // These and the next two return false when something kept them from being completed, which the
    // run has been told.
    boost::asio::awaitable<bool> reconcile(jobs::Run& run, std::vector<Session> sessions);
    boost::asio::awaitable<bool> delete_leftovers(jobs::Run& run);
    boost::asio::awaitable<std::optional<Listed>> list_rooms(jobs::Run& run,
                                                             std::vector<std::string> names);
    boost::asio::awaitable<bool> note_rooms(jobs::Run& run, std::vector<std::string> gone,
                                            std::vector<std::string> there);
    boost::asio::awaitable<bool> look_into(jobs::Run& run, Session session, std::int64_t listed);
    boost::asio::awaitable<bool> repair(jobs::Run& run, std::vector<Command> commands);
    boost::asio::awaitable<db::DbResult<db::Rows>> ask(db::Statement statement, db::Params params);

    db::Pool& pool_;
    LedgerDesk& desk_;
    RoomService& rooms_;
    LiveKitMetrics& metrics_;
    std::chrono::seconds empty_grace_;
    Log& log_;
    ReconcileRules rules_;
    std::uint64_t rounds_ = 0;
};

}  // namespace subcults::api::livekit
