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

    // One round; false when the database or LiveKit kept it from being completed.
    boost::asio::awaitable<bool> round();
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
    boost::asio::awaitable<std::optional<std::vector<Session>>> active_sessions(UnixMicros started,
                                                                                Uuid id);
    boost::asio::awaitable<bool> reconcile(std::vector<Session> sessions);
    boost::asio::awaitable<bool> delete_leftovers();
    boost::asio::awaitable<std::optional<Listed>> list_rooms(std::vector<std::string> names);
    boost::asio::awaitable<bool> note_rooms(std::vector<std::string> gone,
                                            std::vector<std::string> there);
    boost::asio::awaitable<bool> look_into(Session session, std::int64_t listed);
    boost::asio::awaitable<db::DbResult<db::Rows>> run(db::Statement statement, db::Params params);

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
